// K or V of one latent head and Block, decoded to a tile of 16-bit floats in shared memory: of K [channel][64 tokens], of V [64 tokens][channel], rows of
// `pitch`. All threads of a block work on it; the tile is whole after the next barrier. Tokens are in stored order.
#ifndef KVCLUSTER_STORED_TILE_CUH
#define KVCLUSTER_STORED_TILE_CUH
#include "stored_pairs.cuh"

// Factors of the low rank in 16 bits: left [rank][rows], with scales, brought near 1 by a power of two; right [rank][columns], integers. What the
// sum of their products is to be multiplied with comes back.
DEVICE u32 stored_factors(const u8* payload, const StoredResidual& residual, u16* left, u16* right)
{
    float most = 0;
    for (int r = 0; r < residual.rank; r++)
    {
        most = fmaxf(most, stored_float(payload + residual.scale + 4 * r));
    }

    const u32 exponent = __float_as_uint(most) & 0x7f800000u;
    const float up = exponent > 0x3f800000u - (24u << 23) ? __uint_as_float(0x7f000000u - exponent) : 0.f, down = __uint_as_float(exponent);
    for (int i = threadIdx.x; i < residual.rank * residual.rows; i += blockDim.x)
    {
        const float scale = stored_float(payload + residual.scale + 4 * (i / residual.rows)) * up;
        left[i] = (u16)pack_halves((stored_nibble(payload + residual.left, i) - 8) * scale, 0);
    }

    for (int i = threadIdx.x; i < residual.rank * residual.columns; i += blockDim.x)
    {
        right[i] = (u16)pack_halves(stored_nibble(payload + residual.right, i) - 8, 0);
    }

    return pair_of_float(down);
}

// What a thread keeps of a run for its 16 columns, the same in all its rows.
struct Along
{
    u32 scale[8], zero[8], step[8];

    DEVICE Along(const u8* payload, const StoredRun& run, bool isKey, bool isAlong, int column)
    {
        if (isAlong)
        {
            stored_pairs(payload + run.scale + 2 * column, 16, scale);
            stored_pairs(payload + run.zero + 2 * column, 16, zero);
        }

        if (run.step >= 0 && !isKey)
        {
            const uint2 steps = *(const uint2*)(payload + run.step + (run.firstChannel + column) / 2);
            const int greatest = payload[run.greatest] + 888;
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                const u32 word = (c & 2 ? steps.y : steps.x) >> (16 * (c & 1) + (c & 4 ? 4 : 0));
                const float low = __uint_as_float((u32)(greatest - 2 * (int)(word & 15)) << 20), high = __uint_as_float((u32)(greatest - 2 * (int)(word >> 8 & 15)) << 20);
                step[c] = pack_halves(low, high);
            }
        }
    }
};

// A run's share of the tile, with the low rank. A thread has one group of columns, and every so many rows.
DEVICE void stored_run(
    u16* tile, int pitch, const u8* payload, const StoredRun run, bool isKey, int rank, u32 rankScale, const u16* left, int leftRows, const u16* right, int rightColumns)
{
    const int columns = isKey ? run.tokens : run.channels, rows = isKey ? run.channels : run.tokens, groups = columns / 16;
    const int each = blockDim.x / groups, group = threadIdx.x % groups, column = 16 * group;
    if ((int)threadIdx.x >= each * groups)
    {
        return;
    }

    // Parameters go along the columns, or are a row's.
    const bool isAlong = run.parameters != PARAMETERS_NONE && isKey == (run.parameters == PARAMETERS_TOKEN);
    const Along along(payload, run, isKey, isAlong, column);
    const u32 zeroOfCodes = run.bits == 16 ? 0 : pair_of_float(0.5f - (float)(1 << (run.bits - 1)));
    const int firstRow = isKey ? run.firstChannel : run.firstToken, tileColumn = column + (isKey ? run.firstToken : run.firstChannel);
    for (int row = threadIdx.x / groups; row < rows; row += each)
    {
        const int tileRow = row + firstRow;
        u32 value[8];
        stored_pairs(payload + run.offset + (row * groups + group) * (2 * run.bits), run.bits, value);
        if (isAlong)
        {
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                value[c] = pair_multiply_add(value[c], along.scale[c], along.zero[c]);
            }
        }
        else if (run.parameters != PARAMETERS_NONE)
        {
            const u32 scale = pair_of(((const u16*)(payload + run.scale))[row]), zero = pair_of(((const u16*)(payload + run.zero))[row]);
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                value[c] = pair_multiply_add(value[c], scale, zero);
            }
        }
        else if (run.bits < 16)
        {
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                value[c] = pair_add(value[c], zeroOfCodes);
            }
        }

        if (run.step >= 0)
        {
            const u32 step = isKey ? pair_of_float(stored_step(payload, run, run.firstChannel + row)) : 0;
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                value[c] = multiply_halves(value[c], isKey ? step : along.step[c]);
            }
        }

        if (rank > 0)
        {
            u32 sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
            for (int r = 0; r < rank; r++)
            {
                const u32 factor = pair_of(left[r * leftRows + tileRow]);
                const uint4* others = (const uint4*)(right + r * rightColumns + tileColumn);
                const uint4 a = others[0], b = others[1];
                const u32 words[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
                for (int c = 0; c < 8; c++)
                {
                    sum[c] = pair_multiply_add(factor, words[c], sum[c]);
                }
            }

#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                value[c] = pair_multiply_add(sum[c], rankScale, value[c]);
            }
        }

#pragma unroll
        for (int c = 0; c < 8; c++)
        {
            value[c] = pair_finite(value[c]);
        }

        // Neighbours begin with different halves, so that they meet different banks.
        uint4* to = (uint4*)(tile + tileRow * pitch + tileColumn);
        const bool isOdd = threadIdx.x & 4;
        const uint4 low = make_uint4(value[0], value[1], value[2], value[3]), high = make_uint4(value[4], value[5], value[6], value[7]);
        to[isOdd] = isOdd ? high : low;
        to[!isOdd] = isOdd ? low : high;
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

// A tile of K (which = 0) or V (1). `runs`: all of the head, K's first. `scratch`: rank * (rows + columns) 16-bit floats and 32 ints. Begins after a barrier and may end without one.
DEVICE void stored_tile(u16* tile, int pitch, const u8* payload, const StoredHead& head, const StoredRun* runs, int which, u16* scratch)
{
    const StoredResidual& residual = head.residuals[which];
    const int rank = residual.rank, rows = residual.rows, columns = residual.columns, count = head.runs[which], first = which == 0 ? 0 : head.runs[0];
    u16* right = scratch + rank * rows;
    u32 rankScale = 0;
    if (rank > 0)
    {
        rankScale = stored_factors(payload, residual, scratch, right);
        __syncthreads();
    }

    for (int i = 0; i < count; i++)
    {
        stored_run(tile, pitch, payload, runs[first + i], which == 0, rank, rankScale, scratch, rows, right, columns);
    }

    if (residual.slots > 0)
    {
        __syncthreads();
        stored_outliers(tile, pitch, payload, residual, (int*)(right + rank * columns));
    }
}

#endif
