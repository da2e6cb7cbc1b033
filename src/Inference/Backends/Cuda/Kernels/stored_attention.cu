// The middle of decode attention on payloads that tables describe (stored_work.cuh): grid of chunks * latent heads blocks of threads for sealed Blocks, then
// sequences * KV heads for open ones; WARPS warps each. A Block's K, then its V become a tile of 16-bit floats in shared memory, for matrix instructions with
// tokens (of scores) or channels (of outputs) as rows and query heads as columns.
// Compile with HEAD_SIZE, WARPS (4 or 8), QUERY_TILES (most query heads of a latent head / 8) and VALUE_TILES (most channels of V / 16 / WARPS).
#include "stored_tile.cuh"
#include "stored_products.cuh"

DEVICE void attend_block(
    float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, const u8* payload, int queries, int tokens)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x & 31, g = lane / 4, q = lane % 4, tiles = (queries + 7) / 8;
    const StoredHead& head = *run.head;
    const int keys = head.channels[0], values = head.channels[1], valuePitch = values + 8;
    const u32 tile = shared_address(run.tile);
    Residue keyResidue(payload, head.residuals[0], run.scratch);
    Residue valueResidue(payload, head.residuals[1], (u16*)(keyResidue.sums() + Residue::SUMS));
    if (keyResidue.rank + valueResidue.rank + keyResidue.slots + valueResidue.slots > 0)
    {
        __syncthreads();
    }

    stored_tile(run.tile, TOKEN_PITCH, payload, head, run.runs, 0, keyResidue);
    __syncthreads();
    if (keyResidue.slots > 0)
    {
        keyResidue.add_outliers(run.tile, TOKEN_PITCH, payload, head.residuals[0]);
        __syncthreads();
    }

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
    stored_tile(run.tile, valuePitch, payload, head, run.runs, 1, valueResidue);
    weigh(run, queries, tokens);
    __syncthreads();
    if (valueResidue.slots > 0)
    {
        valueResidue.add_outliers(run.tile, valuePitch, payload, head.residuals[1]);
        __syncthreads();
    }

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

DEVICE void start(float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, const StoredWork& all, int queries, u64 row)
{
    const int keys = run.head->channels[0];
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

DEVICE void finish(const float (&output)[VALUE_TILES][QUERY_TILES][4], const Run& run, int queries, float* partials, float2* states, int stride)
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
                if (channel < run.head->channels[1] && n < queries)
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

extern "C" __global__ void __launch_bounds__(THREADS, WARPS == 4 ? 4 : 2) attend(const __grid_constant__ StoredWork all)
{
    extern __shared__ __align__(128) u8 memory[];
    const Work& work = all.work;
    const int heads = work.kvHeads * work.group, sealedBlocks = work.chunks * all.table.headCount;
    const bool isOpen = (int)blockIdx.x >= sealedBlocks;
    const int id = isOpen ? blockIdx.x - sealedBlocks : blockIdx.x;
    const StoredTable& table = isOpen ? all.open : all.table;
    const int place = id / table.headCount;
    const int total = __ldg(work.starts + work.sequences), ends = first_ends(work);
    launch_dependents();
    const Run run(memory, all, table, id % table.headCount);
    const int queries = run.head->members * work.group, firstQuery = run.head->firstMember * work.group;
    float output[VALUE_TILES][QUERY_TILES][4];
    if (isOpen)
    {
        const int tokens = __ldg(work.openTokens + place);
        if (tokens > 0)
        {
            const u32 entry = __ldg(work.entries + __ldg(work.starts + place + 1) - 1);
            const u64 row = (u64)place * heads + firstQuery;
            wait_for_earlier();
            start(output, run, all, queries, (u64)work.sequences * heads + row);
            attend_block(output, run, work.open + (entry & ~ENTRY_KIND) * work.openStride, queries, tokens);
            finish(output, run, queries, all.openPartials + row * HEAD_SIZE, all.openStates + row, HEAD_SIZE);
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

        // An open Block is the last of its Sequence.
        const int sealedStop = (__ldg(work.entries + stop - 1) & ENTRY_KIND) == ENTRY_SEALED ? stop : stop - 1;
        if (unit < sealedStop)
        {
            run.stage(0, 0, work.sealed + __ldg(work.entries + unit) * work.sealedStride);
        }

        commit_copies();
        start(output, run, all, queries, (u64)sequence * heads + firstQuery);
        for (int turn = 0; unit < sealedStop; unit++, turn ^= 1)
        {
            const bool isAhead = all.stages > 1;
            if (isAhead && unit + 1 < sealedStop)
            {
                run.stage(turn ^ 1, all.stageBytes, work.sealed + __ldg(work.entries + unit + 1) * work.sealedStride);
            }

            commit_copies();
            wait_copies<1>();
            __syncthreads();
            attend_block(output, run, run.staged + (isAhead ? turn * all.stageBytes : 0), queries, table.tokens);
            if (!isAhead && unit + 1 < sealedStop)
            {
                run.stage(0, 0, work.sealed + __ldg(work.entries + unit + 1) * work.sealedStride);
                commit_copies();
            }
        }

        unit = stop;
        const u64 row = (u64)(place + sequence) * heads + firstQuery;
        finish(output, run, queries, work.partials + row * all.valueStride, work.states + row, all.valueStride);
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
