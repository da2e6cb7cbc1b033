// Saliency of a Block's tokens (ZipCache, arXiv 2405.14256, section 4.2): the attention that the Block's own probes pay to each of them, in the Block
// up to the probe, over all query heads; and the choice of the SALIENT most salient.
#ifndef KVCLUSTER_SALIENCY_CUH
#define KVCLUSTER_SALIENCY_CUH
#include "encode.cuh"

#if SALIENT
#define NORM_PROBES 0
#define NORM_OFFICIAL 1

// One KV head: sums of attention over its query heads and probes, to `sums` by token. K is in the tile; rows of the product are (probe, query head).
DEVICE void find_attention(const EncodeWork& work, const EncodeItem& item, int head, const u16* tile, float* sums)
{
    __shared__ int columns[64];
    __shared__ float parts[THREADS / 32][64];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
    if (threadIdx.x < 64 && (item.probes >> threadIdx.x & 1))
    {
        columns[__popcll(item.probes & ((1ull << threadIdx.x) - 1))] = threadIdx.x;
    }

    __syncthreads();
    const int rows = __popcll(item.probes) * work.group;
    const u64 heads = (u64)work.kvHeads * work.group;
    const float scale = work.softmaxScale * 1.44269504f;
    const u32 keys = shared_address(tile) + ((lane / 16 * 8 + lane % 8) * PITCH + lane / 8 % 2 * 8) * 2;
    float total[8][2] = {};
    for (int first = 16 * warp; first < rows; first += 16 * (THREADS / 32))
    {
        const u16* query[2];
        int seen[2];
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            const int row = first + g + 8 * i < rows ? first + g + 8 * i : rows - 1, probe = row / work.group;
            const int column = columns[probe], of = head * work.group + row % work.group;
            seen[i] = first + g + 8 * i < rows ? column : -1;
            query[i] = 2 * q + (item.queries < 0 ? work.query + (u64)(item.source + column) * work.queryStride + of * HEAD_SIZE
                                                 : work.queries + item.queries * work.queriesStride + (probe * heads + of) * HEAD_SIZE);
        }

        float x[32] = {};
#pragma unroll
        for (int s = 0; s < HEAD_SIZE / 16; s++)
        {
            const u32 a[4] = {*(const u32*)(query[0] + 16 * s), *(const u32*)(query[1] + 16 * s), *(const u32*)(query[0] + 16 * s + 8), *(const u32*)(query[1] + 16 * s + 8)};
#pragma unroll
            for (int n = 0; n < 4; n++)
            {
                u32 b[4];
                load_matrices(b, keys + (16 * n * PITCH + 16 * s) * 2);
                mma_add(x + 8 * n, a, b[0], b[1]);
                mma_add(x + 8 * n + 4, a, b[2], b[3]);
            }
        }

#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            float most = NOTHING, sum = 0;
#pragma unroll
            for (int n = 0; n < 16; n++)
            {
                float& logit = x[4 * (n / 2) + 2 * i + n % 2];
                logit = 8 * (n / 2) + 2 * q + n % 2 <= seen[i] ? logit * scale : NOTHING;
                most = fmaxf(most, logit);
            }

            most = max_over_columns(most);
#pragma unroll
            for (int n = 0; n < 16; n++)
            {
                float& weight = x[4 * (n / 2) + 2 * i + n % 2];
                weight = exp2_fast(weight - most);
                sum += weight;
            }

            // All lanes take part in the sum, also those of rows that are not there.
            const float all = sum_over_columns(sum), inverse = seen[i] < 0 ? 0.f : 1 / all;
#pragma unroll
            for (int n = 0; n < 16; n++)
            {
                total[n / 2][n % 2] = fmaf(x[4 * (n / 2) + 2 * i + n % 2], inverse, total[n / 2][n % 2]);
            }
        }
    }

#pragma unroll
    for (int n = 0; n < 16; n++)
    {
        const float sum = sum_over_rows(total[n / 2][n % 2]);
        if (g == 0)
        {
            parts[warp][8 * (n / 2) + 2 * q + n % 2] = sum;
        }
    }

    __syncthreads();
    if (threadIdx.x < 64)
    {
        float sum = 0;
#pragma unroll
        for (int i = 0; i < THREADS / 32; i++)
        {
            sum += parts[i][threadIdx.x];
        }

        sums[threadIdx.x] = sum;
    }
}

// The set of salient tokens, bit t for token t; called by all threads. Ties go to the earlier, NaN is least.
DEVICE u64 choose_tokens(const EncodeWork& work, const EncodeItem& item, const Scratch& scratch)
{
    __shared__ u32 orders[64];
    __shared__ u32 halves[2];
    const int t = threadIdx.x;
    if (t < 64)
    {
        float sum = 0;
        for (int head = 0; head < work.kvHeads; head++)
        {
            sum += scratch.attention(head)[t];
        }

        const int seenBy = work.norm == NORM_PROBES ? __popcll(item.probes >> t) : work.norm == NORM_OFFICIAL ? 64 - t : 1;
        const float saliency = seenBy > 0 ? __fdiv_rn(sum, (float)seenBy) : 0.f;
        const u32 bits = saliency == saliency ? __float_as_uint(saliency + 0.f) : 0xff800000u;
        orders[t] = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    }

    __syncthreads();
    if (t < 64)
    {
        int rank = 0;
        for (int other = 0; other < 64; other++)
        {
            rank += orders[other] > orders[t] || (orders[other] == orders[t] && other < t) ? 1 : 0;
        }

        const u32 votes = __ballot_sync(FULL_WARP, rank < SALIENT);
        if (t % 32 == 0)
        {
            halves[t / 32] = votes;
        }
    }

    __syncthreads();
    return halves[0] | (u64)halves[1] << 32;
}

// Where a token is stored: salient ones first, both kinds ascending.
DEVICE int stored_place(u64 salient, int t)
{
    const u64 before = t < 64 ? (1ull << t) - 1 : 0;
    return t < 64 && (salient >> t & 1) ? __popcll(salient & before) : SALIENT + __popcll(~salient & before);
}
#endif

#endif
