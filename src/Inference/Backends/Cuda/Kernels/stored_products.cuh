// Products of attention on a Block that stands as a tile in shared memory (stored_attention.cu), and what a block of threads keeps there.
#ifndef KVCLUSTER_STORED_PRODUCTS_CUH
#define KVCLUSTER_STORED_PRODUCTS_CUH
#include "stored_work.cuh"

#define THREADS (32 * WARPS)
#define PARTS (WARPS / 4)
#define QUERIES (8 * QUERY_TILES)
#define TOKEN_PITCH 72
#define SCORE_PITCH 68

// As load_matrices, of transposed matrices.
DEVICE void load_transposed(u32 (&d)[4], u32 shared)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared));
}

// result (16 rows by 8 columns a tile of queries) += tile^T * b: tile [k][row], b [column][k].
DEVICE void multiply(float (&result)[QUERY_TILES][4], u32 tile, int pitch, int firstRow, int firstStep, int endStep, const u16* b, int bPitch, int tiles)
{
    const int lane = threadIdx.x & 31, g = lane / 4, q = lane % 4;
    const u32 at = tile + 2 * ((16 * firstStep + (lane / 16) * 8 + lane % 8) * pitch + firstRow + ((lane / 8) & 1) * 8);
    for (int step = 0; step < endStep - firstStep; step++)
    {
        u32 a[4];
        load_transposed(a, at + step * 32 * pitch);
        const u16* column = b + g * bPitch + 16 * (firstStep + step) + 2 * q;
#pragma unroll
        for (int t = 0; t < QUERY_TILES; t++)
        {
            if (t < tiles)
            {
                const u16* p = column + 8 * t * bPitch;
                mma_add(result[t], a, *(const u32*)p, *(const u32*)(p + 8));
            }
        }
    }
}

struct Run
{
    u16 *tile, *query, *weights, *scratch;
    float *scores, *most, *sum, *shrink;
    float2* scale;
};

// Asks for what is read of a payload for one head; offsets of a staged table are those in `to`.
DEVICE void stage(u8* to, const u8* payload, const StoredTable& table, const StoredHead& head)
{
    const u32 at = shared_address(to);
    for (int s = 0; s < head.spans; s++)
    {
        const StoredSpan span = table.spans[head.firstSpan + s];
        for (int i = 16 * threadIdx.x; i < span.bytes; i += 16 * THREADS)
        {
            copy16_async(at + span.to + i, payload + span.from + i);
        }
    }
}

// Logits of a Block to weights; a warp a query. Tokens past the last weigh nothing.
DEVICE void weigh(const Run& run, int queries, int tokens)
{
    const int lane = threadIdx.x & 31;
    for (int n = threadIdx.x / 32; n < QUERIES; n += WARPS)
    {
        float x[2], most = run.most[n], high = most;
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            const int token = lane + 32 * i;
            float sum = run.scores[n * SCORE_PITCH + token];
            for (int part = 1; part < PARTS; part++)
            {
                sum += run.scores[(part * QUERIES + n) * SCORE_PITCH + token];
            }

            x[i] = token < tokens && n < queries ? fmaf(sum, run.scale[n].x, run.scale[n].y) : NOTHING;
            high = fmaxf(high, x[i]);
        }

        for (int step = 16; step > 0; step /= 2)
        {
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, step));
        }

        float weight[2], total = 0;
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            weight[i] = lane + 32 * i < tokens ? exp2_fast(x[i] - high) : 0.f;
            run.weights[n * TOKEN_PITCH + lane + 32 * i] = (u16)pack_halves(weight[i], 0);
            total += weight[i];
        }

        for (int step = 16; step > 0; step /= 2)
        {
            total += __shfl_xor_sync(FULL_WARP, total, step);
        }

        __syncwarp();
        if (lane == 0)
        {
            const float shrink = exp2_fast(most - high);
            run.shrink[n] = shrink;
            run.sum[n] = fmaf(run.sum[n], shrink, total);
            run.most[n] = high;
        }
    }
}

#endif
