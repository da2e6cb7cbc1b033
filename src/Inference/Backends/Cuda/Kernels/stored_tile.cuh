// K or V of one latent head and Block, decoded to a tile of 16-bit floats in shared memory: of K [channel][64 tokens], of V [64 tokens][channel], rows of
// `pitch`. All threads of a block work on it; the tile is whole after the next barrier. Tokens are in stored order.
#ifndef KVCLUSTER_STORED_TILE_CUH
#define KVCLUSTER_STORED_TILE_CUH
#include "stored.cuh"

// Two values, finite.
DEVICE u32 stored_pack(float low, float high)
{
    u32 d;
    asm("{ .reg .b32 most, least; cvt.rn.f16x2.f32 %0, %2, %1; mov.b32 most, 0x7bff7bff; mov.b32 least, 0xfbfffbff; "
        "min.f16x2 %0, %0, most; max.f16x2 %0, %0, least; }"
        : "=r"(d)
        : "f"(low), "f"(high));
    return d;
}

DEVICE void stored_codes(const u8* from, int bits, float (&value)[16])
{
    if (bits == 16)
    {
        const uint4 a = ((const uint4*)from)[0], b = ((const uint4*)from)[1];
        const u32 words[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            value[i] = stored_half((words[i / 2] >> (16 * (i & 1))) & 0xffff);
        }
    }
    else if (bits == 4)
    {
        const uint2 w = *(const uint2*)from;
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            value[i] = (float)(((i & 4 ? w.y : w.x) >> (8 * (i & 3) + (i & 8 ? 4 : 0))) & 15);
        }
    }
    else if (bits == 2)
    {
        const u32 w = *(const u32*)from;
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            value[i] = (float)((w >> (2 * i)) & 3);
        }
    }
    else
    {
        u32 code[16];
        stored_group(from, bits, code);
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            value[i] = (float)code[i];
        }
    }
}

// Factors of the low rank, scales within the left ones: left [rank][rows], right [rank][columns].
DEVICE void stored_factors(const u8* payload, const StoredResidual& residual, float* left, float* right)
{
    for (int i = threadIdx.x; i < residual.rank * residual.rows; i += blockDim.x)
    {
        left[i] = (stored_nibble(payload + residual.left, i) - 8) * stored_float(payload + residual.scale + 4 * (i / residual.rows));
    }

    for (int i = threadIdx.x; i < residual.rank * residual.columns; i += blockDim.x)
    {
        right[i] = stored_nibble(payload + residual.right, i) - 8;
    }
}

// A run's share of the tile, with the low rank.
DEVICE void stored_run(u16* tile, int pitch, const u8* payload, const StoredRun run, bool isKey, int rank, const float* left, int leftRows, const float* right, int rightColumns)
{
    const int columns = isKey ? run.tokens : run.channels, rows = isKey ? run.channels : run.tokens, groups = columns / 16;
    for (int i = threadIdx.x; i < rows * groups; i += blockDim.x)
    {
        const int row = i / groups, column = 16 * (i % groups);
        float value[16];
        stored_codes(payload + run.offset + i * (2 * run.bits), run.bits, value);
        if (run.parameters == PARAMETERS_NONE)
        {
            const float zero = run.bits == 16 ? 0.f : 0.5f - (float)(1 << (run.bits - 1));
#pragma unroll
            for (int c = 0; c < 16; c++)
            {
                value[c] += zero;
            }
        }
        else
        {
            // Parameters go along the columns, or are a row's.
            const bool isAlong = isKey == (run.parameters == PARAMETERS_TOKEN);
            float scale[16], zero[16];
            if (isAlong)
            {
                stored_codes(payload + run.scale + 2 * column, 16, scale);
                stored_codes(payload + run.zero + 2 * column, 16, zero);
            }
            else
            {
                scale[0] = stored_half(((const u16*)(payload + run.scale))[row]);
                zero[0] = stored_half(((const u16*)(payload + run.zero))[row]);
            }

#pragma unroll
            for (int c = 0; c < 16; c++)
            {
                value[c] = fmaf(value[c], scale[isAlong ? c : 0], zero[isAlong ? c : 0]);
            }

            if (run.step >= 0 && isKey)
            {
                const float step = stored_step(payload, run, run.firstChannel + row);
#pragma unroll
                for (int c = 0; c < 16; c++)
                {
                    value[c] *= step;
                }
            }
            else if (run.step >= 0)
            {
                const uint2 steps = *(const uint2*)(payload + run.step + (run.firstChannel + column) / 2);
                const int greatest = payload[run.greatest] + 888;
#pragma unroll
                for (int c = 0; c < 16; c++)
                {
                    const int step = ((c & 4 ? steps.y : steps.x) >> (8 * (c & 3) + (c & 8 ? 4 : 0))) & 15;
                    value[c] *= __uint_as_float((u32)(greatest - 2 * step) << 20);
                }
            }
        }

        const int tileRow = row + (isKey ? run.firstChannel : run.firstToken), tileColumn = column + (isKey ? run.firstToken : run.firstChannel);
        for (int r = 0; r < rank; r++)
        {
            const float factor = left[r * leftRows + tileRow];
            const float4* others = (const float4*)(right + r * rightColumns + tileColumn);
#pragma unroll
            for (int c = 0; c < 16; c += 4)
            {
                const float4 other = others[c / 4];
                value[c] = fmaf(factor, other.x, value[c]);
                value[c + 1] = fmaf(factor, other.y, value[c + 1]);
                value[c + 2] = fmaf(factor, other.z, value[c + 2]);
                value[c + 3] = fmaf(factor, other.w, value[c + 3]);
            }
        }

        uint4* to = (uint4*)(tile + tileRow * pitch + tileColumn);
        to[0] = make_uint4(stored_pack(value[0], value[1]), stored_pack(value[2], value[3]), stored_pack(value[4], value[5]), stored_pack(value[6], value[7]));
        to[1] = make_uint4(stored_pack(value[8], value[9]), stored_pack(value[10], value[11]), stored_pack(value[12], value[13]), stored_pack(value[14], value[15]));
    }
}

// Adds the outliers to a whole tile: slots by threads, four each; a slot's position is the sum of gaps up to it. Slots without an outlier have the code 0.
DEVICE void stored_outliers(u16* tile, int pitch, const u8* payload, const StoredResidual residual, int* warpSums)
{
    const float scale = stored_float(payload + residual.outlierScale);
    const u8* gaps = payload + residual.gaps;
    const signed char* codes = (const signed char*)payload + residual.codes;
    const int lane = threadIdx.x & 31, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    int before = 0;
    for (int first = 0; first < residual.slots; first += 4 * blockDim.x)
    {
        const int slot = first + 4 * threadIdx.x;
        int ends[4], sum = 0;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            sum += slot + i < residual.slots ? gaps[slot + i] : 0;
            ends[i] = sum;
        }

        int through = sum;
#pragma unroll
        for (int step = 1; step < 32; step *= 2)
        {
            const int other = __shfl_up_sync(FULL_WARP, through, step);
            through += lane >= step ? other : 0;
        }

        if (lane == 31)
        {
            warpSums[warp] = through;
        }

        __syncthreads();
        int start = before + through - sum;
        for (int i = 0; i < warps; i++)
        {
            start += i < warp ? warpSums[i] : 0;
            before += warpSums[i];
        }

        __syncthreads();
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const int code = slot + i < residual.slots ? codes[slot + i] : 0;
            if (code != 0)
            {
                const int position = start + ends[i], row = position / residual.columns;
                u16* at = tile + row * pitch + position - row * residual.columns;
                *at = (u16)stored_pack(half_to_float(*at) + code * scale, 0);
            }
        }
    }
}

// A tile of K (which = 0) or V (1). `scratch`: rank * (rows + columns) floats and 32 ints. Begins after a barrier and may end without one.
DEVICE void stored_tile(u16* tile, int pitch, const u8* payload, const StoredTable& table, const StoredHead& head, int which, float* scratch)
{
    const StoredResidual& residual = head.residuals[which];
    float* right = scratch + residual.rank * residual.rows;
    if (residual.rank > 0)
    {
        stored_factors(payload, residual, scratch, right);
        __syncthreads();
    }

    for (int i = 0; i < head.runs[which]; i++)
    {
        stored_run(tile, pitch, payload, table.runs[head.firstRun[which] + i], which == 0, residual.rank, scratch, residual.rows, right, residual.columns);
    }

    if (residual.slots > 0)
    {
        __syncthreads();
        stored_outliers(tile, pitch, payload, residual, (int*)(right + residual.rank * residual.columns));
    }
}

#endif
