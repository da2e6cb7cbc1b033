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

// Scales of a head's channels, to the payload and to `channels`.
template <bool KEYS>
DEVICE void encode_channels(const Matrix<KEYS>& m, const StoredRun& run, float* tile, u8* region, float* channels, const Destinations& to)
{
    int* greatest = (int*)region;
    int* numbers = greatest + 4;
    if (threadIdx.x == 0)
    {
        *greatest = 0;
    }

    __syncthreads();
    for (int channel = threadIdx.x; channel < m.channels; channel += THREADS)
    {
        float most = 0;
        for (int token = 0; token < 64; token++)
        {
            most = fmaxf(most, fabsf(tile[place_of(KEYS ? channel * 64 + (token + channel) % 64 : token * m.channels + channel)]));
        }

        numbers[channel] = scale_number(__fsqrt_rn(most));
        atomicMax(greatest, numbers[channel]);
    }

    __syncthreads();
    for (int channel = threadIdx.x; channel < m.channels; channel += THREADS)
    {
        const int step = min((*greatest - numbers[channel]) >> 1, 15);
        numbers[channel] = step;
        channels[channel] = __uint_as_float((u32)(*greatest - 2 * step + 888) << 20);
    }

    __syncthreads();
    for (int i = threadIdx.x; i < m.channels / 2; i += THREADS)
    {
        const int first = i / 8 * 16 + i % 8;
        to.write(run.step + i, (u8)(numbers[first] | numbers[first + 8] << 4));
    }

    if (threadIdx.x == 0)
    {
        to.write(run.greatest, (u8)*greatest);
    }

    __syncthreads();
}

// Scales of a head's channels, and what values are multiplied with.
struct ChannelScales
{
    float* scales;
    float* inverses;

    DEVICE ChannelScales(u8* region, int channels, const float* from) : scales((float*)region), inverses(scales + channels)
    {
#if STEPS
        for (int i = threadIdx.x; i < channels; i += THREADS)
        {
            scales[i] = from[i];
            inverses[i] = __fdiv_rn(1.f, from[i]);
        }

        __syncthreads();
#endif
    }

    DEVICE float scaled(float x, int channel) const { return STEPS ? __fmul_rn(x, inverses[channel]) : x; }

    DEVICE float restored(float n, int channel) const { return STEPS ? __fmul_rn(n, scales[channel]) : n; }
};

// Least and greatest value of each token, over a head's channels.
template <bool KEYS>
DEVICE void find_ranges(const Matrix<KEYS>& m, float* tile, u8* region, const float* channelScales, float2* ranges)
{
    float2* halves = (float2*)region;
    const ChannelScales channels(region + THREADS * sizeof(float2), m.channels, channelScales);
    float low = 3.4e38f, high = -3.4e38f;
    if (KEYS)
    {
        const int token = threadIdx.x % 64;
        for (int channel = threadIdx.x / 64; channel < m.channels; channel += THREADS / 64)
        {
            const float n = channels.scaled(tile[place_of(channel * 64 + token)], channel);
            low = fminf(low, n);
            high = fmaxf(high, n);
        }

        halves[threadIdx.x] = make_float2(low, high);
        __syncthreads();
        if (threadIdx.x < 64)
        {
            const float2 other = halves[threadIdx.x + 64];
            ranges[threadIdx.x] = make_float2(fminf(low, other.x), fmaxf(high, other.y));
        }

        return;
    }

    for (int token = threadIdx.x / 4; token < 64; token += SWEEP)
    {
        low = 3.4e38f;
        high = -3.4e38f;
        for (int channel = threadIdx.x % 4 * 4; channel < m.channels; channel += 16)
        {
            const float4 v = quarter(tile, token * m.channels + channel);
            const float n[4] = {channels.scaled(v.x, channel), channels.scaled(v.y, channel + 1), channels.scaled(v.z, channel + 2), channels.scaled(v.w, channel + 3)};
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                low = fminf(low, n[i]);
                high = fmaxf(high, n[i]);
            }
        }

#pragma unroll
        for (int other = 1; other < 4; other *= 2)
        {
            low = fminf(low, __shfl_xor_sync(FULL_WARP, low, other));
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, other));
        }

        if (threadIdx.x % 4 == 0)
        {
            ranges[token] = make_float2(low, high);
        }
    }
}

// The one run of a tensor whose tokens have one scale for all heads; `ranges` are of the first head, 64 a head.
template <bool KEYS>
DEVICE void encode_tokens(
    const Matrix<KEYS>& m, const StoredRun& run, float* tile, u8* region, const float* channelScales, const float2* ranges, int heads, bool isFirst, const Destinations& to)
{
    Affine affine(region, 64);
    const ChannelScales channels(region + 3 * 64 * sizeof(float), m.channels, channelScales);
    if (threadIdx.x < 64)
    {
        float2 range = ranges[threadIdx.x];
        for (int head = 1; head < heads; head++)
        {
            const float2 more = ranges[64 * head + threadIdx.x];
            range = make_float2(fminf(range.x, more.x), fmaxf(range.y, more.y));
        }

        const TokenParameters parameters(range, (float)((1 << run.bits) - 1));
        affine.set(threadIdx.x, parameters);
        if (isFirst)
        {
            to.write(run.scale + 2 * threadIdx.x, (u16)parameters.scale);
            to.write(run.zero + 2 * threadIdx.x, (u16)parameters.zero);
        }
    }

    __syncthreads();
    const float most = (float)((1 << run.bits) - 1);
    for (int group = threadIdx.x; group < m.groups(); group += THREADS)
    {
        const int row = m.row_of(group), firstColumn = 16 * (group - row * m.row_groups());
        float x[16];
        u32 code[16];
        read_group(tile, group, x);
#pragma unroll
        for (int j = 0; j < 16; j++)
        {
            const int token = KEYS ? firstColumn + j : row, channel = KEYS ? row : firstColumn + j;
            code[j] = code_of(channels.scaled(x[j], channel), affine.zeros[token], affine.inverses[token], most);
#if KEEPS_ERROR
            x[j] = __fsub_rn(x[j], channels.restored(fmaf((float)code[j], affine.scales[token], affine.zeros[token]), channel));
#endif
        }

        write_codes(to, run.offset + 2 * run.bits * group, run.bits, code);
#if KEEPS_ERROR
        write_group(tile, group, x);
#endif
    }

    __syncthreads();
}

#endif
