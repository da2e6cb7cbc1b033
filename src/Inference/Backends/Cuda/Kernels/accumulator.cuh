// A warp's state while it walks a run of one Sequence, for one KV head and the up to 8 query heads that share it.
//
// All products are m16n8k16 MMAs with tokens (of scores) or channels (of outputs) as rows and query heads as the 8 columns; lane 4g+q
// holds rows g and g+8 and, of results, columns 2q and 2q+1. Which token or channel a row stands for is free, as sums do not care:
// slot 2*tile + half of lane group g is column(g, slot) of codes.cuh.
#ifndef KVCLUSTER_ACCUMULATOR_CUH
#define KVCLUSTER_ACCUMULATOR_CUH
#include "segments.cuh"

#define KEY_STEPS (HEAD_SIZE / 16)
#define VALUE_TILES (HEAD_SIZE / 16)
#define ONES 0x3c003c00u

struct Accumulator
{
    float output[VALUE_TILES][4];
    float most[2];  // greatest logit, base 2
    float sum[2];   // of this lane's weights
    u32 query[KEY_STEPS][2];
    float queryScale;

    DEVICE void start(const Work& work, int sequence, int head, int g, int q)
    {
#pragma unroll
        for (int i = 0; i < VALUE_TILES; i++)
        {
            output[i][0] = output[i][1] = output[i][2] = output[i][3] = 0;
        }

        most[0] = most[1] = -1e30f;
        sum[0] = sum[1] = 0;
        float x[KEY_STEPS][4];
        float greatest = 1e-30f;
        u64 row = ((u64)sequence * work.kvHeads + head) * work.group + g;
#pragma unroll
        for (int s = 0; s < KEY_STEPS; s++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                x[s][i] = g < work.group ? read_query(work, row * HEAD_SIZE + 16 * s + 4 * i + q) : 0.f;
                greatest = fmaxf(greatest, fabsf(x[s][i]));
            }
        }

        // Brought to below 2^8 by a power of two, so that 16 bits hold the products with channel scales.
        int exponent = (int)(warp_max(__float_as_uint(greatest)) >> 23);
        float factor = __uint_as_float((u32)(261 - exponent) << 23);
        queryScale = work.softmaxScale * 1.44269504f * __uint_as_float((u32)(exponent - 7) << 23);
#pragma unroll
        for (int s = 0; s < KEY_STEPS; s++)
        {
            query[s][0] = pack_halves(x[s][0] * factor, x[s][1] * factor);
            query[s][1] = pack_halves(x[s][2] * factor, x[s][3] * factor);
        }
    }

    // Logits x[slot / 2][2 * half + column] of one Block to weights; outputs so far shrink to the new maximum.
    DEVICE void weigh(float (&x)[4][4])
    {
        float high[2];
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            high[i] = fmaxf(x[0][i], x[0][i + 2]);
#pragma unroll
            for (int j = 1; j < 4; j++)
            {
                high[i] = fmaxf(high[i], fmaxf(x[j][i], x[j][i + 2]));
            }

            high[i] = fmaxf(max_over_rows(high[i]), most[i]);
        }

        if (__any_sync(FULL_WARP, high[0] != most[0] || high[1] != most[1]))
        {
            float shrink[2] = {exp2_fast(most[0] - high[0]), exp2_fast(most[1] - high[1])};
#pragma unroll
            for (int i = 0; i < 2; i++)
            {
                most[i] = high[i];
                sum[i] *= shrink[i];
#pragma unroll
                for (int m = 0; m < VALUE_TILES; m++)
                {
                    output[m][i] *= shrink[i];
                    output[m][i + 2] *= shrink[i];
                }
            }
        }

#pragma unroll
        for (int j = 0; j < 4; j++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                x[j][i] = exp2_fast(x[j][i] - most[i & 1]);
                sum[i & 1] += x[j][i];
            }
        }
    }

    DEVICE void finish(const Work& work, int slot, int head, int g, int q)
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            int queryHead = 2 * q + i;
            float total = sum_over_rows(sum[i]);
            if (queryHead >= work.group)
            {
                continue;
            }

            u64 row = ((u64)slot * work.kvHeads + head) * work.group + queryHead;
            if (g == 0)
            {
                work.states[row] = make_float2(most[i], total);
            }

            float* to = work.partials + row * HEAD_SIZE;
#pragma unroll
            for (int c = 0; c < VALUE_CHUNKS; c++)
            {
                int chunk = value_chunk(g, c);
#pragma unroll
                for (int part = 0; part < 2; part++)
                {
                    float4 v;
                    float* p = &v.x;
#pragma unroll
                    for (int e = 0; e < 4; e++)
                    {
                        int f = NIBBLES ? 2 * e + part : 4 * part + e;
                        p[e] = output[4 * c + (f >> 1)][2 * (f & 1) + i];
                    }

                    *(float4*)(to + column<NIBBLES>(chunk, NIBBLES ? part : 4 * part)) = v;
                }
            }
        }
    }
};

#endif
