// The middle of decode attention on payloads that tables describe (stored_work.cuh): grid of chunks * latent heads blocks of threads for sealed Blocks, then
// sequences * KV heads for open ones; WARPS warps each. A Block's K, then its V become a tile of 16-bit floats in shared memory, for matrix instructions with
// tokens (of scores) or channels (of outputs) as rows and query heads as columns.
// Compile with HEAD_SIZE, WARPS (4 or 8), QUERY_TILES (most query heads of a latent head / 8) and VALUE_TILES (most channels of V / 16 / WARPS).
#include "stored_tile.cuh"
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
    u16 *tile, *query, *weights;
    float *scores, *scratch, *most, *sum, *shrink;
    float2* scale;
};

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

DEVICE void attend_block(
    float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, const u8* payload, const StoredTable& table, const StoredHead& head, int queries, int tokens)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x & 31, g = lane / 4, q = lane % 4, tiles = (queries + 7) / 8;
    const int keys = head.channels[0], values = head.channels[1], valuePitch = values + 8;
    const u32 tile = shared_address(run.tile);
    stored_tile(run.tile, TOKEN_PITCH, payload, table, head, 0, run.scratch);
    __syncthreads();
    float scores[QUERY_TILES][4] = {};
    const int part = warp / 4, steps = keys / 16;
    multiply(scores, tile, TOKEN_PITCH, 16 * (warp % 4), steps * part / PARTS, steps * (part + 1) / PARTS, run.query, keys + 8, tiles);
#pragma unroll
    for (int t = 0; t < QUERY_TILES; t++)
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            run.scores[(part * QUERIES + 8 * t + 2 * q + (i & 1)) * SCORE_PITCH + 16 * (warp % 4) + g + 8 * (i >> 1)] = scores[t][i];
        }
    }

    __syncthreads();
    stored_tile(run.tile, valuePitch, payload, table, head, 1, run.scratch);
    weigh(run, queries, tokens);
    __syncthreads();
#pragma unroll
    for (int v = 0; v < VALUE_TILES; v++)
    {
        const int row = 16 * (warp + WARPS * v);
        if (row < values)
        {
#pragma unroll
            for (int t = 0; t < QUERY_TILES; t++)
            {
#pragma unroll
                for (int i = 0; i < 4; i++)
                {
                    output[v][t][i] *= run.shrink[8 * t + 2 * q + (i & 1)];
                }
            }

            multiply(output[v], tile, valuePitch, row, 0, 4, run.weights, TOKEN_PITCH, tiles);
        }
    }

    __syncthreads();
}

DEVICE void start(float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, const StoredWork& all, const StoredHead& head, int queries, u64 row)
{
    const int keys = head.channels[0];
    for (int i = threadIdx.x; i < QUERIES * (keys / 8); i += THREADS)
    {
        const int n = i / (keys / 8), c = 8 * (i % (keys / 8));
        *(uint4*)(run.query + n * (keys + 8) + c) = n < queries ? *(const uint4*)(all.queries + (row + n) * all.keyStride + c) : make_uint4(0, 0, 0, 0);
    }

    for (int n = threadIdx.x; n < QUERIES; n += THREADS)
    {
        run.most[n] = NOTHING;
        run.sum[n] = 0;
        run.scale[n] = n < queries ? all.queryScales[row + n] : make_float2(0, 0);
    }

#pragma unroll
    for (int v = 0; v < VALUE_TILES; v++)
    {
#pragma unroll
        for (int t = 0; t < QUERY_TILES; t++)
        {
            output[v][t][0] = output[v][t][1] = output[v][t][2] = output[v][t][3] = 0;
        }
    }

    __syncthreads();
}

DEVICE void finish(const float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, const StoredHead& head, int queries, float* partials, float2* states, int stride)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x & 31, g = lane / 4, q = lane % 4;
#pragma unroll
    for (int v = 0; v < VALUE_TILES; v++)
    {
#pragma unroll
        for (int t = 0; t < QUERY_TILES; t++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                const int channel = 16 * (warp + WARPS * v) + g + 8 * (i >> 1), n = 8 * t + 2 * q + (i & 1);
                if (channel < head.channels[1] && n < queries)
                {
                    partials[(u64)n * stride + channel] = output[v][t][i];
                }
            }
        }
    }

    for (int n = threadIdx.x; n < queries; n += THREADS)
    {
        states[n] = make_float2(run.most[n], run.sum[n]);
    }

    __syncthreads();
}

extern "C" __global__ void __launch_bounds__(THREADS) attend(const __grid_constant__ StoredWork all)
{
    extern __shared__ __align__(128) u8 memory[];
    const Work& work = all.work;
    const int heads = work.kvHeads * work.group, sealedBlocks = work.chunks * all.table.headCount;
    const bool isOpen = (int)blockIdx.x >= sealedBlocks;
    const int id = isOpen ? blockIdx.x - sealedBlocks : blockIdx.x;
    const StoredTable& table = isOpen ? all.open : all.table;
    const StoredHead& head = table.heads[id % table.headCount];
    const int place = id / table.headCount, queries = head.members * work.group, firstQuery = head.firstMember * work.group;
    const int total = __ldg(work.starts + work.sequences), ends = first_ends(work);
    launch_dependents();

    Run run;
    run.tile = (u16*)memory;
    const int keys = head.channels[0], values = head.channels[1];
    const int tileHalves = keys * TOKEN_PITCH > 64 * (values + 8) ? keys * TOKEN_PITCH : 64 * (values + 8);
    run.query = run.tile + tileHalves;
    run.weights = run.query + QUERIES * (keys + 8);
    run.scores = (float*)(run.weights + QUERIES * TOKEN_PITCH);
    run.scale = (float2*)(run.scores + PARTS * QUERIES * SCORE_PITCH);
    run.most = (float*)(run.scale + QUERIES);
    run.sum = run.most + QUERIES;
    run.shrink = run.sum + QUERIES;
    run.scratch = run.shrink + QUERIES;
    float output[VALUE_TILES][QUERY_TILES][4];
    if (isOpen)
    {
        const int tokens = __ldg(work.openTokens + place);
        if (tokens > 0)
        {
            const u32 entry = __ldg(work.entries + __ldg(work.starts + place + 1) - 1);
            const u64 row = (u64)place * heads + firstQuery;
            wait_for_earlier();
            start(output, run, all, head, queries, (u64)work.sequences * heads + row);
            attend_block(output, run, work.open + (entry & ~ENTRY_KIND) * work.openStride, table, head, queries, tokens);
            finish(output, run, head, queries, all.openPartials + row * HEAD_SIZE, all.openStates + row, HEAD_SIZE);
        }

        return;
    }

    const int length = chunk_length(work, total), begin = place * length, end = begin + length < total ? begin + length : total;
    if (begin >= end)
    {
        return;
    }

    int sequenceEnd, sequence = sequence_of(work, begin, ends, sequenceEnd);
    wait_for_earlier();
    for (int unit = begin;;)
    {
        const int stop = sequenceEnd < end ? sequenceEnd : end;
        start(output, run, all, head, queries, (u64)sequence * heads + firstQuery);
        for (; unit < stop; unit++)
        {
            const u32 entry = __ldg(work.entries + unit);
            if ((entry & ENTRY_KIND) == ENTRY_SEALED)
            {
                attend_block(output, run, work.sealed + entry * work.sealedStride, table, head, queries, table.tokens);
            }
        }

        const u64 row = (u64)(place + sequence) * heads + firstQuery;
        finish(output, run, head, queries, work.partials + row * all.valueStride, work.states + row, all.valueStride);
        if (stop == end)
        {
            return;
        }

        while (unit == sequenceEnd)
        {
            sequenceEnd = __ldg(work.starts + ++sequence + 1);
        }
    }
}
