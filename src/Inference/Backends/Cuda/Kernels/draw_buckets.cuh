// Sums over the tokens of a row in falling order of weight, for `draw` (draw.cuh): tokens are counted into buckets of 1/64 nat below the greatest logit, and only
// the bucket in which a sum is reached is sorted. Sums are integers in units of 2^-40, so that they do not depend on the order of additions.
#pragma once

#define DRAW_THREADS 1024
#define BUCKETS 2048
#define SORTED 1024
#define UNDRAWN -2

struct DrawRow
{
    double uniform;
    float inverseTemperature;
    float topP;
    float minP;
    int topK;     // 0: all
    int isDrawn;
    int isSorted;
};

struct Draw
{
    const float* logits;  // [rows][stride]
    const DrawRow* rows;
    int2* picked;         // [rows]: the greatest logit's token; becomes the token drawn, or UNDRAWN
    int vocabulary;
    int stride;
};

struct DrawScratch
{
    u64 mass[BUCKETS];   // then sums up to and with the bucket
    int counts[BUCKETS];
    u64 sorted[SORTED];  // falling logit, then rising id
    u64 warps[32];
    int gathered;
    int bucket;
};

struct DrawLogits
{
    const float* logits;
    float greatest;
    float inverseTemperature;

    DEVICE float nats(float x) const { return x == greatest ? 0.f : (greatest - x) * inverseTemperature; }

    DEVICE float weight(float x) const { return exp2f(-1.44269504f * nats(x)); }

    DEVICE u64 mass(float x) const { return (u64)(weight(x) * 0x1p40f); }

    // BUCKETS: so far below the greatest that nothing of its weight is left.
    DEVICE int bucket(float x) const
    {
        const float n = nats(x);
        return n < BUCKETS / 64 ? (int)(n * 64) : BUCKETS;
    }
};

DEVICE u64 warp_sums(u64 x, int lane)
{
#pragma unroll
    for (int step = 1; step < 32; step *= 2)
    {
        u64 other = __shfl_up_sync(FULL_WARP, x, step);
        x += lane >= step ? other : 0;
    }

    return x;
}

// The sum of this and all threads before it.
DEVICE u64 block_sums(u64 x, u64* warps)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    x = warp_sums(x, lane);
    __syncthreads();
    if (lane == 31)
    {
        warps[warp] = x;
    }

    __syncthreads();
    u64 before = warps[lane];
    before = warp_sums(before, lane);
    before = __shfl_sync(FULL_WARP, before, warp > 0 ? warp - 1 : 0);
    return x + (warp > 0 ? before : 0);
}

DEVICE u64 draw_key(float x, int id)
{
    u32 bits = __float_as_uint(x + 0.f);
    bits = (bits & 0x80000000u) ? ~bits : bits | 0x80000000u;
    return ((u64)~bits << 32) | (u32)id;
}

DEVICE float draw_logit(u64 key)
{
    u32 bits = ~(u32)(key >> 32);
    return __uint_as_float((bits & 0x80000000u) ? bits & 0x7fffffffu : ~bits);
}

// Sums of counts and mass of the buckets, each with those before it. A thread has two.
DEVICE void sum_buckets(DrawScratch& s)
{
    const int first = 2 * threadIdx.x;
    const u64 m0 = s.mass[first], m1 = s.mass[first + 1], c0 = s.counts[first], c1 = s.counts[first + 1];
    const u64 mass = block_sums(m0 + m1, s.warps), count = block_sums(c0 + c1, s.warps);
    s.mass[first] = mass - m1;
    s.mass[first + 1] = mass;
    s.counts[first] = (int)(count - c1);
    s.counts[first + 1] = (int)count;
    __syncthreads();
}

// The tokens of a bucket, in order. False: too many.
DEVICE bool sort_bucket(const Draw& work, const DrawLogits& row, DrawScratch& s, int bucket)
{
    if (threadIdx.x == 0)
    {
        s.gathered = 0;
    }

    s.sorted[threadIdx.x] = ~0ull;
    __syncthreads();
    for (int id = threadIdx.x; id < work.vocabulary; id += DRAW_THREADS)
    {
        if (row.bucket(row.logits[id]) == bucket)
        {
            const int to = atomicAdd(&s.gathered, 1);
            if (to < SORTED)
            {
                s.sorted[to] = draw_key(row.logits[id], id);
            }
        }
    }

    __syncthreads();
    if (s.gathered > SORTED)
    {
        return false;
    }

    int size = 32;
    while (size < s.gathered)
    {
        size *= 2;
    }

    const int i = threadIdx.x;
    for (int run = 2; run <= size; run *= 2)
    {
        for (int step = run / 2; step > 0; step /= 2)
        {
            const int other = i ^ step;
            if (other > i && i < size)
            {
                const u64 a = s.sorted[i], b = s.sorted[other];
                if ((a > b) == ((i & run) == 0))
                {
                    s.sorted[i] = b;
                    s.sorted[other] = a;
                }
            }

            __syncthreads();
        }
    }

    return true;
}

// The first bucket at which `reached` of its sums; BUCKETS: none. The same in all threads.
template <class Reached>
DEVICE int find_bucket(DrawScratch& s, Reached reached)
{
    if (threadIdx.x == 0)
    {
        s.bucket = BUCKETS;
    }

    __syncthreads();
#pragma unroll
    for (int i = 2 * threadIdx.x; i < 2 * threadIdx.x + 2; i++)
    {
        if (reached(s.counts[i], s.mass[i]) && (i == 0 || !reached(s.counts[i - 1], s.mass[i - 1])))
        {
            s.bucket = i;
        }
    }

    // Whoever looks for the next one clears it: not before all have read it.
    __syncthreads();
    const int found = s.bucket;
    __syncthreads();
    return found;
}

// The shortest prefix that `reached` of its length and mass: its mass, and its last token. Not `isFound`: it is in a bucket of too many tokens.
template <class Reached>
DEVICE u64 find_prefix(const Draw& work, const DrawLogits& row, DrawScratch& s, Reached reached, int& last, bool& isFound)
{
    const int bucket = find_bucket(s, reached);
    last = -1;
    if (bucket == BUCKETS)
    {
        return s.mass[BUCKETS - 1];
    }

    isFound &= sort_bucket(work, row, s, bucket);
    const int countBefore = bucket > 0 ? s.counts[bucket - 1] : 0;
    const u64 massBefore = bucket > 0 ? s.mass[bucket - 1] : 0;
    const bool isToken = threadIdx.x < min(s.gathered, SORTED);
    const u64 key = s.sorted[threadIdx.x];
    const u64 mass = massBefore + block_sums(isToken ? row.mass(draw_logit(key)) : 0, s.warps);
    const int place = __syncthreads_count(isToken && !reached(countBefore + (int)threadIdx.x + 1, mass));
    if (threadIdx.x == min(place, min(s.gathered, SORTED) - 1))
    {
        s.warps[0] = mass;
        s.bucket = (int)(u32)key;
    }

    __syncthreads();
    last = s.bucket;
    const u64 found = s.warps[0];
    __syncthreads();
    return found;
}
