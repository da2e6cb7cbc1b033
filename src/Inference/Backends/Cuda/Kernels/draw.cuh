// `draw` of model.cu: what temperature, top-k, top-p and min-p leave to chance, as CandidateFilter has it. Weights are exp((x - greatest) / temperature), and
// what is kept is a prefix of the tokens in falling order of weight, then rising id; without top-k and top-p the draw goes by rising id. A
// row of which more than SORTED tokens are in the bucket that decides is left to the host.
#pragma once

#include "draw_buckets.cuh"

// Sums what is at least minP as likely as the greatest, a stretch of ids a warp; then within the stretch in which the target lies, and so on.
DEVICE int draw_by_id(const Draw& work, const DrawLogits& row, const DrawRow& r, DrawScratch& s)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int first = 0, length = work.vocabulary;
    u64 target = 0;
    for (bool isWhole = true;; isWhole = false)
    {
        const int stretch = (length + 31) / 32, begin = first + warp * stretch, end = min(begin + stretch, first + length);
        u64 sum = 0;
        for (int id = begin + lane; id < end; id += 32)
        {
            const float w = row.weight(row.logits[id]);
            sum += w >= r.minP ? (u64)(w * 0x1p40f) : 0;
        }

        sum = __shfl_sync(FULL_WARP, warp_sums(sum, lane), 31);
        __syncthreads();
        if (lane == 0)
        {
            s.warps[warp] = sum;
        }

        __syncthreads();
        const u64 sums = warp_sums(s.warps[lane], lane);
        if (isWhole)
        {
            const u64 all = __shfl_sync(FULL_WARP, sums, 31);
            target = min((u64)(r.uniform * (double)all), all - 1);
        }

        const int chosen = min(__popc(__ballot_sync(FULL_WARP, sums <= target)), 31);
        const u64 before = __shfl_sync(FULL_WARP, sums, chosen > 0 ? chosen - 1 : 0);
        target -= chosen > 0 ? before : 0;
        first += chosen * stretch;
        length = min(stretch, length - chosen * stretch);
        if (length <= 1)
        {
            return first;
        }
    }
}

extern "C" __global__ void __launch_bounds__(DRAW_THREADS) draw(const __grid_constant__ Draw work)
{
    __shared__ DrawScratch s;
    wait_for_earlier();
    launch_dependents();
    const DrawRow r = work.rows[blockIdx.x];
    if (!r.isDrawn)
    {
        return;
    }

    const float* logits = work.logits + (u64)blockIdx.x * work.stride;
    const DrawLogits row = {logits, logits[work.picked[blockIdx.x].x], r.inverseTemperature};
    int token = UNDRAWN;
    if (!r.isSorted)
    {
        token = draw_by_id(work, row, r, s);
    }
    else
    {
        for (int i = threadIdx.x; i < BUCKETS; i += DRAW_THREADS)
        {
            s.mass[i] = 0;
            s.counts[i] = 0;
        }

        __syncthreads();
        u64 likely = 0;
        for (int id = threadIdx.x; id < work.vocabulary; id += DRAW_THREADS)
        {
            const float x = logits[id], w = row.weight(x);
            const u64 mass = (u64)(w * 0x1p40f);
            const int bucket = row.bucket(x);
            likely += w >= r.minP ? mass : 0;
            if (bucket < BUCKETS)
            {
                atomicAdd(&s.counts[bucket], 1);
                atomicAdd(&s.mass[bucket], mass);
            }
        }

        __syncthreads();
        sum_buckets(s);
        likely = block_sums(likely, s.warps);
        __syncthreads();
        if (threadIdx.x == DRAW_THREADS - 1)
        {
            s.warps[0] = likely;
        }

        __syncthreads();
        likely = s.warps[0];
        __syncthreads();

        int last;
        bool isFound = true;
        u64 kept = s.mass[BUCKETS - 1];
        if (r.topK > 0)
        {
            const int topK = r.topK;
            kept = find_prefix(work, row, s, [=](int count, u64) { return count >= topK; }, last, isFound);
        }

        if (r.topP < 1)
        {
            const u64 wanted = max(1ull, (u64)((double)r.topP * (double)kept));
            kept = min(kept, find_prefix(work, row, s, [=](int, u64 mass) { return mass >= wanted; }, last, isFound));
        }

        kept = min(kept, max(likely, 1ull));
        const u64 target = min((u64)(r.uniform * (double)kept), kept - 1);
        find_prefix(work, row, s, [=](int, u64 mass) { return mass > target; }, last, isFound);
        token = isFound ? last : UNDRAWN;
    }

    if (threadIdx.x == 0)
    {
        work.picked[blockIdx.x].x = token;
    }
}
