// `append` of model.cu: a row of q, k and v with bias, norm and RoPE; k and v go to the open Block in 16 bits.
#pragma once

struct Append
{
    const u16* projected;    // [rows][heads + 2 * kvHeads][HEAD_SIZE]: q, k, v
    const float* bias;       // [heads + 2 * kvHeads][HEAD_SIZE], or null
    const float* queryNorm;  // [HEAD_SIZE], or null
    const float* keyNorm;
    const float2* rotation;  // [positions][HALF]: cosine, sine
    const int* positions;    // [rows]
    const int* pages;        // [rows]: of 16-bit Blocks
    const int* probes;       // [rows]: where the query is kept in 16 bits too, or -1
    float* query;            // [rows][heads][HEAD_SIZE], or null
    u16* queryRows;          // the same in 16 bits for prefill attention, with keyRows and valueRows, [rows][kvHeads][HEAD_SIZE]; or all null
    u16* keyRows;
    u16* valueRows;
    u8* open;                // 16-bit Blocks of this layer: per KV head K as [channel][64], then V as [64][channel]
    u16* probeQueries;       // [probes of the step][heads][HEAD_SIZE], of this layer
    u32* failures;           // [rows]: first layer in which K or V does not fit 16 bits
    u64 openStride;          // bytes
    int heads;
    int kvHeads;
    int layer;
    float epsilon;
};

// A query in 16 bits; the greatest that there is, if it does not fit.
DEVICE u16 query_half(float x) { return float_to_half(fminf(fmaxf(x, -65504.f), 65504.f)); }

// A value in 16 bits; one that does not fit becomes 0 and is remembered.
DEVICE u16 to_half(const Append& work, int row, float x)
{
    u16 bits = float_to_half(x);
    if ((bits & 0x7c00) == 0x7c00)
    {
        atomicMin(work.failures + row, (u32)work.layer);
        return 0;
    }

    return bits;
}

// A warp a head; its lane has the pairs (PAIRS * lane + j, HALF + PAIRS * lane + j).
extern "C" __global__ void __launch_bounds__(THREADS) append(const __grid_constant__ Append work)
{
    wait_for_earlier();
    launch_dependents();
    const int head = blockIdx.x * (THREADS / 32) + threadIdx.x / 32, lane = threadIdx.x % 32, row = blockIdx.y;
    const int page = work.pages[row], all = work.heads + 2 * work.kvHeads;
    if (head >= all)
    {
        return;
    }

    const bool isQuery = head < work.heads, isValue = head >= work.heads + work.kvHeads;
    if (page < 0)
    {
        // Tiles of prefill attention end beyond their Sequence and multiply what is there by 0: it must be finite, and scratch may hold anything.
        if (!isQuery && work.keyRows)
        {
            u16* to = (isValue ? work.valueRows : work.keyRows) + ((u64)row * work.kvHeads + head - work.heads - (isValue ? work.kvHeads : 0)) * HEAD_SIZE;
            for (int i = lane; i < HEAD_SIZE; i += 32)
            {
                to[i] = 0;
            }
        }

        return;
    }

    const int position = work.positions[row], column = position % 64;
    const u16* from = work.projected + ((u64)row * all + head) * HEAD_SIZE;
    float x[2][PAIRS];
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
        {
            int i = half * HALF + PAIRS * lane + j;
            x[half][j] = __uint_as_float((u32)from[i] << 16) + (work.bias ? __ldg(work.bias + head * HEAD_SIZE + i) : 0.f);
        }
    }

    const float* norm = isValue ? nullptr : isQuery ? work.queryNorm : work.keyNorm;
    if (norm)
    {
        float sum = 0;
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
        {
            sum = fmaf(x[0][j], x[0][j], fmaf(x[1][j], x[1][j], sum));
        }

        float scale = rsqrtf(warp_sum(sum) / HEAD_SIZE + work.epsilon);
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
        {
            x[0][j] *= scale * __ldg(norm + PAIRS * lane + j);
            x[1][j] *= scale * __ldg(norm + HALF + PAIRS * lane + j);
        }
    }

    if (!isValue)
    {
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
        {
            float2 r = __ldg(work.rotation + (u64)position * HALF + PAIRS * lane + j);
            float first = x[0][j], second = x[1][j];
            x[0][j] = first * r.x - second * r.y;
            x[1][j] = second * r.x + first * r.y;
        }
    }

    const int probe = isQuery && work.probes ? work.probes[row] : -1;
    const int kvHead = isValue ? head - work.heads - work.kvHeads : head - work.heads;
    u16* block = (u16*)(work.open + page * work.openStride) + (u64)(isQuery ? 0 : kvHead) * 128 * HEAD_SIZE;
#pragma unroll
    for (int half = 0; half < 2; half++)
    {
#pragma unroll
        for (int j = 0; j < PAIRS; j++)
        {
            int i = half * HALF + PAIRS * lane + j;
            if (isQuery)
            {
                const u64 at = ((u64)row * work.heads + head) * HEAD_SIZE + i;
                if (work.query)
                {
                    work.query[at] = x[half][j];
                }

                if (work.queryRows)
                {
                    work.queryRows[at] = query_half(x[half][j]);
                }

                if (probe >= 0)
                {
                    work.probeQueries[((u64)probe * work.heads + head) * HEAD_SIZE + i] = query_half(x[half][j]);
                }

                continue;
            }

            const u16 bits = to_half(work, row, x[half][j]);
            block[isValue ? 64 * HEAD_SIZE + column * HEAD_SIZE + i : i * 64 + column] = bits;
            if (work.keyRows)
            {
                (isValue ? work.valueRows : work.keyRows)[((u64)row * work.kvHeads + kvHead) * HEAD_SIZE + i] = bits;
            }
        }
    }
}
