// Attention on a Block of 16-bit floats: `raw`, and open Blocks. Of each KV head K as [channel][64], then V as [64][channel].
// Read from global memory straight into registers: many warps keep many loads in flight, and nothing is staged.
#ifndef KVCLUSTER_HALVES_CUH
#define KVCLUSTER_HALVES_CUH
#include "accumulator.cuh"

// k16 steps (of K: 16 channels; of V: 16 tokens) whose loads are in flight together.
#ifndef BURST
#define BURST (BITS == 16 ? 4 : 1)
#endif

DEVICE void attend_halves(Accumulator& state, const u8* block, int head, int tokens, int g, int q)
{
    const u16* keys = (const u16*)block + (u64)head * 128 * HEAD_SIZE;
    const u16* values = keys + 64 * HEAD_SIZE;
    float x[4][4];
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        x[j][0] = x[j][1] = x[j][2] = x[j][3] = 0;
    }

#pragma unroll
    for (int first = 0; first < KEY_STEPS; first += BURST)
    {
        keep_order();
        HalfChunk rows[BURST][4];
#pragma unroll
        for (int s = 0; s < BURST; s++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                rows[s][i] = load_halves<NIBBLES, true>(keys + (16 * (first + s) + 4 * i + q) * 64, g);
            }
        }

#pragma unroll
        for (int s = 0; s < BURST; s++)
        {
            u32 a[2][8];
            expand_halves<NIBBLES>(rows[s][0], rows[s][1], a[0]);
            expand_halves<NIBBLES>(rows[s][2], rows[s][3], a[1]);
#pragma unroll
            for (int j = 0; j < 4; j++)
            {
                u32 tile[4] = {a[0][2 * j], a[0][2 * j + 1], a[1][2 * j], a[1][2 * j + 1]};
                mma(x[j], tile, state.query[first + s][0], state.query[first + s][1], x[j][0], x[j][1], x[j][2], x[j][3]);
            }
        }
    }

#pragma unroll
    for (int j = 0; j < 4; j++)
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            bool seen = column<NIBBLES>(g, 2 * j + (i >> 1)) < tokens;
            x[j][i] = seen ? x[j][i] * state.queryScale : -1e30f;
        }
    }

    state.weigh(x);
    u32 weights[4][2];
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        weights[j][0] = transpose_8x8(pack_halves(x[j][0], x[j][1]));
        weights[j][1] = transpose_8x8(pack_halves(x[j][2], x[j][3]));
    }

    constexpr int STEPS = BURST * 4 / (4 * VALUE_CHUNKS) > 4 ? 4 : BURST * 4 / (4 * VALUE_CHUNKS) < 1 ? 1 : BURST * 4 / (4 * VALUE_CHUNKS);
#pragma unroll
    for (int first = 0; first < 4; first += STEPS)
    {
        keep_order();
        HalfChunk rows[STEPS][4][VALUE_CHUNKS];
#pragma unroll
        for (int j = 0; j < STEPS; j++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                int token = column<NIBBLES>(2 * q + (i & 1), 2 * (first + j) + (i >> 1));
#pragma unroll
                for (int c = 0; c < VALUE_CHUNKS; c++)
                {
                    rows[j][i][c] = load_halves<NIBBLES, true>(values + token * HEAD_SIZE, value_chunk(g, c));
                }
            }
        }

#pragma unroll
        for (int j = 0; j < STEPS; j++)
        {
#pragma unroll
            for (int c = 0; c < VALUE_CHUNKS; c++)
            {
                u32 a[2][8];
                expand_halves<NIBBLES>(rows[j][0][c], rows[j][1][c], a[0]);
                expand_halves<NIBBLES>(rows[j][2][c], rows[j][3][c], a[1]);
#pragma unroll
                for (int t = 0; t < 4; t++)
                {
                    u32 tile[4] = {a[0][2 * t], a[0][2 * t + 1], a[1][2 * t], a[1][2 * t + 1]};
                    float(&o)[4] = state.output[4 * c + t];
                    mma(o, tile, weights[first + j][0], weights[first + j][1], o[0], o[1], o[2], o[3]);
                }
            }
        }
    }
}

#endif
