// Prefill attention for compute capability 9.0: causal attention of new tokens to themselves and to past rows (prefill.cuh has the shapes).
//
// Grid (heads, tiles). Three warpgroups: one thread of the first has the copy engine bring K and V, KEYS rows at a time, into rings of STAGES;
// the other two own 64 queries each. Scores of one step are computed while the weights of the step before multiply V.
// Compile with HEAD_SIZE (64, 128) for sm_90a.
#ifndef KEYS
#define KEYS 128
#define STAGES 2
#endif
#ifndef TURNS
#define TURNS 1  // the two warpgroups' products take turns, so that one's softmax runs beside the other's products
#endif

#include "prefill.cuh"
#include "warpgroup.cuh"

#define PARTS (HEAD_SIZE / 64)
#define QUERY_BYTES (TILE_ROWS * HEAD_SIZE * 2)
#define STAGE_BYTES (KEYS * HEAD_SIZE * 2)
#define CONSUMER_WARPS 8

struct WarpgroupWork
{
    TensorMap query, key, value, pastKey, pastValue;  // boxes of 64 columns and TILE_ROWS or KEYS rows
    PrefillWork work;
};

// Where things are in shared memory, from a multiple of 1024 on.
struct Places
{
    u32 base;
    DEVICE u32 query() const { return base; }
    DEVICE u32 keys(int stage) const { return base + QUERY_BYTES + stage * STAGE_BYTES; }
    DEVICE u32 values(int stage) const { return base + QUERY_BYTES + (STAGES + stage) * STAGE_BYTES; }
    DEVICE u32 barrier(int i) const { return base + QUERY_BYTES + 2 * STAGES * STAGE_BYTES + 8 * i; }
    DEVICE u32 hasQuery() const { return barrier(0); }
    DEVICE u32 hasKeys(int stage) const { return barrier(1 + stage); }
    DEVICE u32 hasValues(int stage) const { return barrier(1 + STAGES + stage); }
    DEVICE u32 freeKeys(int stage) const { return barrier(1 + 2 * STAGES + stage); }
    DEVICE u32 freeValues(int stage) const { return barrier(1 + 3 * STAGES + stage); }
};

struct Ring
{
    int stage = 0;
    u32 phase = 0;

    DEVICE void next()
    {
        if (++stage == STAGES)
        {
            stage = 0;
            phase ^= 1;
        }
    }
};

// KEYS rows of a head, once their place is free.
DEVICE void bring(u32 to, const TensorMap& map, int column, int row, u32 isFree, u32 parity, u32 hasCome)
{
    barrier_wait(isFree, parity);
    barrier_expect(hasCome, STAGE_BYTES);
#pragma unroll
    for (int part = 0; part < PARTS; part++)
    {
        copy_box(to + part * (KEYS * 128), map, column + part * 64, row, hasCome);
    }
}

DEVICE void produce(const WarpgroupWork& all, const Places& at, const Span& span, int head)
{
    barrier_expect(at.hasQuery(), QUERY_BYTES);
#pragma unroll
    for (int part = 0; part < PARTS; part++)
    {
        copy_box(at.query() + part * (TILE_ROWS * 128), all.query, head * HEAD_SIZE + part * 64, span.sequence.x + span.tile.y, at.hasQuery());
    }

    const int column = head / all.work.group * HEAD_SIZE;
    Ring ring;
    for (int step = 0; step < span.steps; step++, ring.next())
    {
        const bool isPast = span.isPast(step);
        const int row = (isPast ? span.sequence.z : span.sequence.x) + span.first(step), stage = ring.stage;
        bring(at.keys(stage), isPast ? all.pastKey : all.key, column, row, at.freeKeys(stage), ring.phase ^ 1, at.hasKeys(stage));
        bring(at.values(stage), isPast ? all.pastValue : all.value, column, row, at.freeValues(stage), ring.phase ^ 1, at.hasValues(stage));
    }
}

DEVICE void start_scores(float (&x)[KEYS / 2], u64 query, u64 keys)
{
#pragma unroll
    for (int s = 0; s < HEAD_SIZE / 16; s++)
    {
        const u32 within = (s % 4) * 32;
        GroupMma<KEYS>::shared(x, query + (((s / 4) * (TILE_ROWS * 128) + within) >> 4), keys + (((s / 4) * (KEYS * 128) + within) >> 4), s == 0);
    }
}

DEVICE void start_values(float (&o)[HEAD_SIZE / 2], const u32 (&weights)[KEYS / 16][4], u64 values)
{
#pragma unroll
    for (int s = 0; s < KEYS / 16; s++)
    {
        GroupMma<HEAD_SIZE>::registers(o, weights[s], values + ((s * 16 * 128) >> 4));
    }
}

DEVICE void pack(const float (&x)[KEYS / 2], u32 (&weights)[KEYS / 16][4])
{
#pragma unroll
    for (int s = 0; s < KEYS / 16; s++)
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            weights[s][i] = pack_halves(x[8 * s + 2 * i], x[8 * s + 2 * i + 1]);
        }
    }
}

DEVICE void consume(const PrefillWork& work, const Places& at, const Span& span, int head, int group, int warp)
{
    const int lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
    const int row = span.tile.y + 64 * group + 16 * warp + g;
    const float scale = work.softmaxScale * 1.44269504f;
    const u64 query = matrix_at(at.query() + group * (64 * 128), 16, 1024);
    float x[KEYS / 2], o[HEAD_SIZE / 2], factor[2];
    u32 weights[KEYS / 16][4];
    RowState state;
    state.start();
#pragma unroll
    for (int n = 0; n < HEAD_SIZE / 2; n++)
    {
        o[n] = 0;
    }

    if (TURNS && group == 1 && span.steps > 1)
    {
        turn_arrive(1);
    }

    Ring keys, values;
    barrier_wait(at.hasQuery(), 0);
    barrier_wait(at.hasKeys(0), 0);
    products_begin();
    start_scores(x, query, matrix_at(at.keys(0), 16, 1024));
    products_end();
    wait_products<0>();
    keep(x);
    if (lane == 0)
    {
        barrier_arrive(at.freeKeys(0));
    }

    keys.next();
    span.window(0, row).mask(x, q);
    state.weigh(x, scale, factor);
    pack(x, weights);
    for (int step = 1; step < span.steps; step++)
    {
        barrier_wait(at.hasKeys(keys.stage), keys.phase);
        if (TURNS)
        {
            turn_sync(1 + group);
        }

        products_begin();
        start_scores(x, query, matrix_at(at.keys(keys.stage), 16, 1024));
        products_end();
        barrier_wait(at.hasValues(values.stage), values.phase);
        start_values(o, weights, matrix_at(at.values(values.stage), KEYS * 128, 1024));
        products_end();
        if (TURNS && !(group == 1 && step + 1 == span.steps))
        {
            turn_arrive(2 - group);
        }

        wait_products<1>();
        keep(x);
        if (lane == 0)
        {
            barrier_arrive(at.freeKeys(keys.stage));
        }

        keys.next();
        span.window(step, row).mask(x, q);
        state.weigh(x, scale, factor);
        wait_products<0>();
        keep(o);
        if (lane == 0)
        {
            barrier_arrive(at.freeValues(values.stage));
        }

        values.next();
#pragma unroll
        for (int n = 0; n < HEAD_SIZE / 2; n++)
        {
            o[n] *= factor[(n >> 1) & 1];
        }

        pack(x, weights);
    }

    barrier_wait(at.hasValues(values.stage), values.phase);
    products_begin();
    start_values(o, weights, matrix_at(at.values(values.stage), KEYS * 128, 1024));
    products_end();
    wait_products<0>();
    keep(o);
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        const float total = sum_over_columns(state.sum[i]), inverse = 1 / total;
        const int mine = row + 8 * i;
        if (mine >= span.sequence.y)
        {
            continue;
        }

        const u64 to = span.sequence.x + mine;
        if (work.logSumExp && q == 0)
        {
            work.logSumExp[(u64)head * work.rows + to] = state.log_sum(i, total, scale);
        }

#pragma unroll
        for (int n = 0; n < HEAD_SIZE / 8; n++)
        {
            write_pair(work, (to * gridDim.x + head) * HEAD_SIZE + 8 * n + 2 * q, o[4 * n + 2 * i] * inverse, o[4 * n + 2 * i + 1] * inverse);
        }
    }
}

extern "C" __global__ void __launch_bounds__(384, 1) prefill_attention(const __grid_constant__ WarpgroupWork all)
{
    extern __shared__ u8 shared[];
    Places at{(shared_address(shared) + 1023) & ~1023u};
    const int warpgroup = (int)__shfl_sync(FULL_WARP, threadIdx.x / 128, 0), head = blockIdx.x;
    if (threadIdx.x == 0)
    {
        barrier_init(at.hasQuery(), 1);
        for (int stage = 0; stage < STAGES; stage++)
        {
            barrier_init(at.hasKeys(stage), 1);
            barrier_init(at.hasValues(stage), 1);
            barrier_init(at.freeKeys(stage), CONSUMER_WARPS);
            barrier_init(at.freeValues(stage), CONSUMER_WARPS);
        }

        barriers_are_made();
    }

    __syncthreads();
    wait_for_earlier();
    launch_dependents();
    const Span span(all.work);
    if (warpgroup == 0)
    {
        release_registers<24>();
        if (threadIdx.x == 0)
        {
            produce(all, at, span, head);
        }
    }
    else
    {
        claim_registers<240>();
        consume(all.work, at, span, head, warpgroup - 1, threadIdx.x / 32 % 4);
    }
}
