// Prefill attention: causal attention of new tokens to themselves and to past rows (prefill.cuh has the shapes), for any device from compute
// capability 8.0 on; prefill_attention_warpgroup.cu is the faster one of 9.0.
//
// Grid (heads, tiles), four warps of 32 queries each; K and V come 64 rows at a time, the next step's while this one is computed.
// Compile with HEAD_SIZE (64, 128).
#define KEYS 64
#include "prefill.cuh"

#define WARPS 4
#define CHUNKS (HEAD_SIZE / 8)
#define ROW_BYTES (HEAD_SIZE * 2)
#define QUERY_BYTES (TILE_ROWS * ROW_BYTES)
#define STAGE_BYTES (KEYS * ROW_BYTES)

DEVICE void load_transposed(u32 (&d)[4], u32 shared)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(shared));
}

// Where 8 channels of a row are: chunks of neighbouring rows do not share banks.
DEVICE u32 place(int row, int chunk) { return row * ROW_BYTES + ((chunk ^ (row & 7)) << 4); }

// `count` rows to shared memory; rows from `present` on repeat the last one, so that all are finite.
template <int COUNT>
DEVICE void stage(u32 to, const u16* from, u64 stride, int present)
{
#pragma unroll
    for (int i = 0; i < COUNT * CHUNKS / (WARPS * 32); i++)
    {
        int at = i * (WARPS * 32) + threadIdx.x, row = at / CHUNKS, chunk = at % CHUNKS;
        copy16_async(to + place(row, chunk), from + (row < present ? row : present - 1) * stride + chunk * 8);
    }
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, 2) prefill_attention(const __grid_constant__ PrefillWork work)
{
    extern __shared__ __align__(128) u8 shared[];
    wait_for_earlier();
    launch_dependents();
    const Span span(work);
    const int2 tile = span.tile;
    const int4 sequence = span.sequence;
    const int head = blockIdx.x, kvHead = head / work.group, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
    const u32 queries = shared_address(shared), rings = queries + QUERY_BYTES;
    const float scale = work.softmaxScale * 1.44269504f;
    const u64 pastStride = (u64)work.kvHeads * HEAD_SIZE;
    stage<TILE_ROWS>(queries, work.query + (u64)(sequence.x + tile.y) * work.queryStride + head * HEAD_SIZE, work.queryStride, span.until - tile.y);

    auto fetch = [&](int step)
    {
        const bool isPast = span.isPast(step);
        const int first = span.first(step);
        const u64 row = (isPast ? sequence.z : sequence.x) + first;
        const int present = (isPast ? span.pastRows : span.until) - first;
        const u64 keyStride = isPast ? pastStride : work.keyStride, valueStride = isPast ? pastStride : work.valueStride;
        const u32 to = rings + (step & 1) * (2 * STAGE_BYTES);
        stage<KEYS>(to, (isPast ? work.pastKey : work.key) + row * keyStride + kvHead * HEAD_SIZE, keyStride, present);
        stage<KEYS>(to + STAGE_BYTES, (isPast ? work.pastValue : work.value) + row * valueStride + kvHead * HEAD_SIZE, valueStride, present);
        commit_copies();
    };

    float o[2][HEAD_SIZE / 2];
    RowState state[2];
#pragma unroll
    for (int m = 0; m < 2; m++)
    {
        state[m].start();
#pragma unroll
        for (int n = 0; n < HEAD_SIZE / 2; n++)
        {
            o[m][n] = 0;
        }
    }

    fetch(0);
    for (int step = 0; step < span.steps; step++)
    {
        wait_copies<0>();
        __syncthreads();
        if (step + 1 < span.steps)
        {
            fetch(step + 1);
        }

        const u32 keys = rings + (step & 1) * (2 * STAGE_BYTES), values = keys + STAGE_BYTES;
        float x[2][KEYS / 2];
#pragma unroll
        for (int n = 0; n < KEYS / 2; n++)
        {
            x[0][n] = x[1][n] = 0;
        }

#pragma unroll
        for (int s = 0; s < HEAD_SIZE / 16; s++)
        {
            u32 a[2][4];
            load_matrices(a[0], queries + place(32 * warp + lane % 16, 2 * s + lane / 16));
            load_matrices(a[1], queries + place(32 * warp + 16 + lane % 16, 2 * s + lane / 16));
#pragma unroll
            for (int n = 0; n < KEYS / 16; n++)
            {
                u32 b[4];
                load_matrices(b, keys + place(16 * n + lane / 16 * 8 + lane % 8, 2 * s + lane / 8 % 2));
#pragma unroll
                for (int m = 0; m < 2; m++)
                {
                    mma_add(x[m] + 8 * n, a[m], b[0], b[1]);
                    mma_add(x[m] + 8 * n + 4, a[m], b[2], b[3]);
                }
            }
        }

        u32 weights[2][KEYS / 16][4];
#pragma unroll
        for (int m = 0; m < 2; m++)
        {
            const int row = tile.y + 32 * warp + 16 * m + g;
            span.window(step, row).mask(x[m], q);
            float factor[2];
            state[m].weigh(x[m], scale, factor);
#pragma unroll
            for (int n = 0; n < HEAD_SIZE / 2; n++)
            {
                o[m][n] *= factor[(n >> 1) & 1];
            }

#pragma unroll
            for (int n = 0; n < KEYS / 2; n += 2)
            {
                weights[m][n / 8][n / 2 % 4] = pack_halves(x[m][n], x[m][n + 1]);
            }
        }

#pragma unroll
        for (int s = 0; s < KEYS / 16; s++)
        {
#pragma unroll
            for (int n = 0; n < HEAD_SIZE / 16; n++)
            {
                u32 b[4];
                load_transposed(b, values + place(16 * s + lane % 16, 2 * n + lane / 16));
#pragma unroll
                for (int m = 0; m < 2; m++)
                {
                    mma_add(o[m] + 8 * n, weights[m][s], b[0], b[1]);
                    mma_add(o[m] + 8 * n + 4, weights[m][s], b[2], b[3]);
                }
            }
        }
    }

#pragma unroll
    for (int m = 0; m < 2; m++)
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            const float total = sum_over_columns(state[m].sum[i]), inverse = 1 / total;
            const int mine = tile.y + 32 * warp + 16 * m + g + 8 * i;
            if (mine >= sequence.y)
            {
                continue;
            }

            const u64 to = sequence.x + mine;
            if (work.logSumExp && q == 0)
            {
                work.logSumExp[(u64)head * work.rows + to] = state[m].log_sum(i, total, scale);
            }

#pragma unroll
            for (int n = 0; n < HEAD_SIZE / 8; n++)
            {
                write_pair(work, (to * gridDim.x + head) * HEAD_SIZE + 8 * n + 2 * q, o[m][4 * n + 2 * i] * inverse, o[m][4 * n + 2 * i + 1] * inverse);
            }
        }
    }
}
