// The work of one decode step, shared by all kernels of attention.
//
// Every Sequence has a row of entries, one after another: one a sealed Block, then, if it has an open Block, one of that and
// OPEN_WEIGHT - 1 of padding, so that entries stand for equal bytes. All entries together are cut into at most `chunks` equal runs, which may
// begin and end inside any Sequence; a warp reads one KV head of one chunk. A chunk and a Sequence that meet leave a partial result in
// slot chunk + sequence: along the run both only grow, so slots are never shared, and there are at most chunks + sequences of them.
#ifndef KVCLUSTER_WORK_CUH
#define KVCLUSTER_WORK_CUH
#include "primitives.cuh"

#define ENTRY_KIND 0xc0000000u
#define ENTRY_SEALED 0x00000000u
#define ENTRY_OPEN 0x80000000u
#define ENTRY_PADDING 0xc0000000u

#define QUERY_IS_FLOAT 1
#define OUTPUT_IS_FLOAT 2

struct Work
{
    const void* query;      // [sequences][query heads][head size], bf16 or 32-bit
    const u8* sealed;       // payloads of one layer, K and V each aligned to 128; entry i's at sealed + i * sealedStride
    const u8* open;         // open layers, likewise
    const u32* entries;     // [starts[sequences]]
    const int* starts;      // [sequences + 1]: first entry of each Sequence
    const int* openTokens;  // [sequences]: tokens of the open Block
    float* partials;        // [chunks + sequences][query heads][head size]
    float2* states;         // [chunks + sequences][query heads]: greatest logit (base 2), sum of weights
    void* output;           // [sequences][query heads][head size]
    u64 sealedStride;
    u64 openStride;
    int sequences;
    int kvHeads;
    int group;              // query heads of a KV head, 1 to 8
    int chunks;
    float softmaxScale;
    int flags;
};

// Entries of a chunk: all but the last have as many.
DEVICE int chunk_length(const Work& work, int total) { return (total + work.chunks - 1) / work.chunks; }

// Where V begins in a pooled payload, given the end of what K has.
DEVICE u32 value_offset(u32 end) { return (end + 127) & ~127u; }

DEVICE float read_query(const Work& work, u64 index)
{
    return work.flags & QUERY_IS_FLOAT ? ((const float*)work.query)[index] : __uint_as_float((u32)((const u16*)work.query)[index] << 16);
}

DEVICE void write_output(const Work& work, u64 index, float value)
{
    if (work.flags & OUTPUT_IS_FLOAT)
    {
        ((float*)work.output)[index] = value;
        return;
    }

    u16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    ((u16*)work.output)[index] = bits;
}

// Where the entries of the first 32 Sequences end, one a lane: asked for before it is known which of them are this warp's.
DEVICE int first_ends(const Work& work)
{
    int lane = threadIdx.x & 31;
    return __ldg(work.starts + (lane < work.sequences ? lane + 1 : work.sequences));
}

// The Sequence of an entry, and where its entries end; called by a whole warp.
DEVICE int sequence_of(const Work& work, int entry, int ends, int& end)
{
    int lane = threadIdx.x & 31;
    for (int first = 0;; first += 32)
    {
        int i = first + lane;
        int mine = first == 0 ? ends : i < work.sequences ? __ldg(work.starts + i + 1) : 0x7fffffff;
        u32 votes = __ballot_sync(FULL_WARP, mine > entry);
        if (votes)
        {
            end = (int)__shfl_sync(FULL_WARP, (u32)mine, __ffs(votes) - 1);
            return first + __ffs(votes) - 1;
        }
    }
}

#endif
