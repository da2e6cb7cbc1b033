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
#pragma unroll 4
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

// What a block of threads has in shared memory: tables of its head, then a tile, queries and states, parts of payloads, factors of residuals.
struct Run
{
    StoredHead* head;
    StoredRun* runs;
    StoredSpan* spans;
    u16 *tile, *query, *weights, *scratch;
    float *scores, *most, *sum, *shrink;
    float2* scale;
    u8* staged;

    DEVICE Run(u8* memory, const StoredWork& all, const StoredTable& table, int id)
    {
        head = (StoredHead*)memory;
        const StoredHead& from = table.heads[id];
        const int runCount = from.runs[0] + from.runs[1], keys = from.channels[0], values = from.channels[1];
        runs = (StoredRun*)(head + 1);
        spans = (StoredSpan*)(runs + runCount);
        copy_ints((int*)head, (const int*)&from, sizeof(StoredHead) / 4);
        copy_ints((int*)runs, (const int*)(table.runs + from.firstRun[0]), runCount * (sizeof(StoredRun) / 4));
        copy_ints((int*)spans, (const int*)(table.spans + from.firstSpan), from.spans * (sizeof(StoredSpan) / 4));
        tile = (u16*)(memory + all.tableBytes);
        query = tile + (keys * TOKEN_PITCH > 64 * (values + 8) ? keys * TOKEN_PITCH : 64 * (values + 8));
        weights = query + QUERIES * (keys + 8);
        scores = (float*)(weights + QUERIES * TOKEN_PITCH);
        scale = (float2*)(scores + PARTS * QUERIES * SCORE_PITCH);
        most = (float*)(scale + QUERIES);
        sum = most + QUERIES;
        shrink = sum + QUERIES;
        staged = (u8*)(shrink + QUERIES);
        scratch = (u16*)(staged + all.stages * all.stageBytes);
        __syncthreads();
    }

    // Asks for what is read of a payload; offsets in the tables are those in a stage.
    DEVICE void stage(int turn, int stageBytes, const u8* payload) const
    {
        const u32 to = shared_address(staged) + turn * stageBytes;
        for (int s = 0; s < head->spans; s++)
        {
            const StoredSpan span = spans[s];
            for (int i = 16 * threadIdx.x; i < span.bytes; i += 16 * THREADS)
            {
                copy16_async(to + span.to + i, payload + span.from + i);
            }
        }
    }

    static DEVICE void copy_ints(int* to, const int* from, int count)
    {
        for (int i = threadIdx.x; i < count; i += THREADS)
        {
            to[i] = from[i];
        }
    }
};

// Logits of a Block to weights; half a warp a query, four tokens a lane. Tokens past the last weigh nothing.
DEVICE void weigh(const Run& run, int queries, int tokens)
{
    const int first = 4 * (threadIdx.x & 15);
    for (int n = threadIdx.x / 16; n < QUERIES; n += 2 * WARPS)
    {
        const float2 scale = run.scale[n];
        const float most = run.most[n];
        float4 sum = *(const float4*)(run.scores + n * SCORE_PITCH + first);
        for (int part = 1; part < PARTS; part++)
        {
            const float4 more = *(const float4*)(run.scores + (part * QUERIES + n) * SCORE_PITCH + first);
            sum = make_float4(sum.x + more.x, sum.y + more.y, sum.z + more.z, sum.w + more.w);
        }

        float x[4] = {sum.x, sum.y, sum.z, sum.w}, high = most, total = 0;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            x[i] = first + i < tokens && n < queries ? fmaf(x[i], scale.x, scale.y) : NOTHING;
            high = fmaxf(high, x[i]);
        }

#pragma unroll
        for (int step = 8; step > 0; step /= 2)
        {
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, step));
        }

#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            x[i] = first + i < tokens ? exp2_fast(x[i] - high) : 0.f;
            total += x[i];
        }

        *(uint2*)(run.weights + n * TOKEN_PITCH + first) = make_uint2(pack_halves(x[0], x[1]), pack_halves(x[2], x[3]));
#pragma unroll
        for (int step = 8; step > 0; step /= 2)
        {
            total += __shfl_xor_sync(FULL_WARP, total, step);
        }

        __syncwarp();
        if (first == 0)
        {
            const float shrink = exp2_fast(most - high);
            run.shrink[n] = shrink;
            run.sum[n] = fmaf(run.sum[n], shrink, total);
            run.most[n] = high;
        }
    }
}

#endif
