// K or V of one latent head and Block, decoded to a tile of 16-bit floats in shared memory: of K [channel][64 tokens], of V [64 tokens][channel], rows of
// `pitch`. All threads of a block work on it; it is whole after a barrier, or, if there are
// outliers, after these are added and another one. Tokens are in stored order.
#ifndef KVCLUSTER_STORED_TILE_CUH
#define KVCLUSTER_STORED_TILE_CUH
#include "stored_residue.cuh"

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
    u16* tile, int pitch, const u8* payload, const StoredRun run, bool isKey, const Residue& residue)
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

        if (residue.rank > 0)
        {
            u32 sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
            for (int r = 0; r < residue.rank; r++)
            {
                const u32 factor = pair_of(residue.left[r * residue.rows + tileRow]);
                const uint4* others = (const uint4*)(residue.right + r * residue.columns + tileColumn);
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
                value[c] = pair_multiply_add(sum[c], residue.scale, value[c]);
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

// A tile of K (which = 0) or V (1), without outliers. `runs`: all of the head, K's first.
DEVICE void stored_tile(u16* tile, int pitch, const u8* payload, const StoredHead& head, const StoredRun* runs, int which, const Residue& residue)
{
    const int count = head.runs[which], first = which == 0 ? 0 : head.runs[0];
    for (int i = 0; i < count; i++)
    {
        stored_run(tile, pitch, payload, runs[first + i], which == 0, residue);
    }
}

#endif
