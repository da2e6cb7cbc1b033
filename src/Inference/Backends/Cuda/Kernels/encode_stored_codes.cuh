// Codes and their parameters, by the rules of docs/slab-format.md; what they lose stays in the matrix when there is a residual to fit.
#ifndef KVCLUSTER_ENCODE_STORED_CODES_CUH
#define KVCLUSTER_ENCODE_STORED_CODES_CUH
#include "encode_stored.cuh"

#define KEEPS_ERROR (OUTLIERS || RANKS)

// Of rows, or of tokens.
struct Affine
{
    float* zeros;
    float* inverses;
    float* scales;

    DEVICE Affine(u8* region, int count) : zeros((float*)region), inverses(zeros + count), scales(inverses + count) {}

    DEVICE void set(int i, const TokenParameters& p)
    {
        zeros[i] = p.low;
        inverses[i] = p.inverseStep;
        scales[i] = half_to_float((u16)p.scale);
    }
};

DEVICE u32 code_of(float n, float zero, float inverse, float most)
{
    const float steps = __fmul_rn(__fsub_rn(n, zero), inverse);
    return __float_as_uint(__fadd_rn(fminf(fmaxf(steps, 0.f), most), 12582912.f)) & 255;
}

// 16 codes, at a multiple of their bytes' greatest power of two.
DEVICE void write_codes(const Destinations& to, u32 at, int bits, const u32 (&code)[16])
{
    if (bits == 4)
    {
        u32 words[2] = {0, 0};
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            words[i / 4] |= (code[i] | code[i + 8] << 4) << (8 * (i % 4));
        }

        to.write(at, make_uint2(words[0], words[1]));
        return;
    }

    u64 low = 0, high = 0;
#pragma unroll
    for (int i = 0; i < 8; i++)
    {
        low |= (u64)code[i] << (bits * i);
        high |= (u64)code[i + 8] << (bits * i);
    }

    // 8 codes are as many bytes as a code has bits.
    if (bits == 2)
    {
        to.write(at, (u32)low | (u32)high << 16);
    }
    else if (bits == 8)
    {
        to.write(at, make_uint4((u32)low, (u32)(low >> 32), (u32)high, (u32)(high >> 32)));
    }
    else
    {
        const u64 first = low | high << (8 * bits), rest = high >> (64 - 8 * bits);
        for (int i = 0; i < bits; i++)
        {
            to.write(at + 2 * i, (u16)(i < 4 ? first >> (16 * i) : rest >> (16 * (i - 4))));
        }
    }
}

// Values that parameters of a row, or none, belong to: a run of the table.
template <bool KEYS>
DEVICE void encode_run(const Matrix<KEYS>& m, const StoredRun& run, float* tile, u8* region, const Destinations& to)
{
    const int rows = KEYS ? run.channels : run.tokens, firstRow = KEYS ? run.firstChannel : run.firstToken;
    const int groups = (KEYS ? run.tokens : run.channels) / 16, firstColumn = KEYS ? run.firstToken : run.firstChannel;
    const bool isAffine = run.parameters != PARAMETERS_NONE;
    Affine affine(region, rows);
    for (int row = threadIdx.x / 4; isAffine && row < rows; row += SWEEP)
    {
        float low = 3.4e38f, high = -3.4e38f;
        for (int i = 0; i < groups; i++)
        {
            const float4 v = quarter(tile, (firstRow + row) * m.columns() + firstColumn + 16 * i + threadIdx.x % 4 * 4);
            low = fminf(fminf(low, v.x), fminf(v.y, fminf(v.z, v.w)));
            high = fmaxf(fmaxf(high, v.x), fmaxf(v.y, fmaxf(v.z, v.w)));
        }

#pragma unroll
        for (int other = 1; other < 4; other *= 2)
        {
            low = fminf(low, __shfl_xor_sync(FULL_WARP, low, other));
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, other));
        }

        if (threadIdx.x % 4 == 0)
        {
            const TokenParameters parameters(make_float2(low, high), (float)((1 << run.bits) - 1));
            affine.set(row, parameters);
            to.write(run.scale + 2 * row, (u16)parameters.scale);
            to.write(run.zero + 2 * row, (u16)parameters.zero);
        }
    }

    __syncthreads();
    const float most = (float)((1 << (run.bits & 15)) - 1), middle = (float)(1 << ((run.bits - 1) & 15));
    for (int i = threadIdx.x; i < rows * groups; i += THREADS)
    {
        const int row = i / groups, group = (firstRow + row) * m.row_groups() + firstColumn / 16 + i % groups;
        float x[16];
        read_group(tile, group, x);
        if (run.bits == 16)
        {
            u32 words[8];
#pragma unroll
            for (int j = 0; j < 16; j++)
            {
                x[j] = fminf(fmaxf(x[j], -65504.f), 65504.f);
            }

#pragma unroll
            for (int j = 0; j < 8; j++)
            {
                words[j] = pack_halves(x[2 * j], x[2 * j + 1]);
            }

            to.write(run.offset + 32 * i, make_uint4(words[0], words[1], words[2], words[3]));
            to.write(run.offset + 32 * i + 16, make_uint4(words[4], words[5], words[6], words[7]));
#if KEEPS_ERROR
            float full[16];
            read_group(tile, group, full);
#pragma unroll
            for (int j = 0; j < 16; j++)
            {
                x[j] = __fsub_rn(full[j], stored_half(words[j / 2] >> (16 * (j & 1))));
            }

            write_group(tile, group, x);
#endif
            continue;
        }

        u32 code[16];
#pragma unroll
        for (int j = 0; j < 16; j++)
        {
            code[j] = isAffine ? code_of(x[j], affine.zeros[row], affine.inverses[row], most) : (u32)fminf(fmaxf(__fadd_rn(x[j], middle), 0.f), most);
        }

        write_codes(to, run.offset + 2 * run.bits * i, run.bits, code);
#if KEEPS_ERROR
#pragma unroll
        for (int j = 0; j < 16; j++)
        {
            x[j] = __fsub_rn(x[j], isAffine ? fmaf((float)code[j], affine.scales[row], affine.zeros[row]) : __fadd_rn((float)code[j], 0.5f - middle));
        }

        write_group(tile, group, x);
#endif
    }

    __syncthreads();
}

#endif
