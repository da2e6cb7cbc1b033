// Decode attention on encoded Blocks: for each Sequence one query a head, all its tokens, softmax, the weighted sum of V.
//
//   query   [sequences][kvHeads * group][HEAD_SIZE]; query head h reads KV head h / group; RoPE is applied
//   blocks  payloads of one layer as slabs carry them (docs/slab-format.md, layout `rows`), plus open layers; see work.cuh
//   result  partials and states; `combine` of combine_attention.cu makes the output of them
//
// Compile with HEAD_SIZE (64, 128) and BITS: 16 `raw`; 8, 4, 2 tokenwise codes of `int8`, `int4`, `int2` with channel scales; 3 or 2
// with SALIENT (16, 32, 48) and HIGH 4: `zipcache`, with KEY_SALIENT 64 one with all of K in 4 bits.
// A warp reads one KV head of one chunk on its own: a private ring of SLOTS Blocks, filled by asynchronous copies, no barriers.
#include "halves.cuh"
#if BITS != 16
#include "sealed.cuh"
#endif

#ifndef WARPS
#define WARPS 4
#endif
#ifndef CTAS
#define CTAS 2
#endif

// The entries of a warp's run, asked for in order, 32 loaded at a time.
struct Entries
{
    const u32* all;
    int end, first;
    u32 window;

    DEVICE Entries(const Work& work, int begin, int end) : all(work.entries), end(end), first(begin - 32), window(ENTRY_PADDING) {}

    DEVICE u32 at(int unit)
    {
        if (unit >= end)
        {
            return ENTRY_PADDING;
        }

        if (unit >= first + 32)
        {
            first = unit;
            int mine = unit + (threadIdx.x & 31);
            window = mine < end ? __ldg(all + mine) : ENTRY_PADDING;
        }

        return __shfl_sync(FULL_WARP, window, unit - first);
    }
};

DEVICE bool is_sealed(u32 entry) { return (entry & ENTRY_KIND) == ENTRY_SEALED; }

DEVICE const u8* sealed_block(const Work& work, u32 entry)
{
    return is_sealed(entry) ? work.sealed + entry * work.sealedStride : nullptr;
}

DEVICE void attend_open(Accumulator& state, const Work& work, u32 entry, int sequence, int head, int g, int q)
{
    attend_halves(state, work.open + (entry & ~ENTRY_KIND) * work.openStride, head, __ldg(work.openTokens + sequence), g, q);
}

extern "C" __global__ void __launch_bounds__(WARPS * 32, CTAS) decode_attention(const __grid_constant__ Work work)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
    const int id = blockIdx.x * WARPS + warp;
    const int head = id % work.kvHeads, chunk = id / work.kvHeads;
    const int total = __ldg(work.starts + work.sequences), ends = first_ends(work);
    const int length = chunk_length(work, total), begin = chunk * length, end = begin + length < total ? begin + length : total;
    launch_dependents();
    if (begin >= end)
    {
        return;
    }

    Entries entries(work, begin, end);
#if BITS != 16
    extern __shared__ __align__(128) u8 shared[];
    u8* mine = shared + warp * (SLOTS * SLOT_BYTES + TABLE_BYTES);
    Ring ring;
    ring.slots = mine;
    ring.slotsAt = shared_address(mine);
    ring.next = 0;
    ring.tables = mine + SLOTS * SLOT_BYTES;
    ring.turns = 0;
    const PayloadMap map(work.kvHeads, head, lane);
#pragma unroll
    for (int i = 0; i < SLOTS; i++)
    {
        ring.queue[i] = entries.at(begin + i);
        const u8* payload = sealed_block(work, ring.queue[i]);
        ring.stage_keys(i, payload, map, lane);
        ring.stage_values(i, payload, map, lane);
    }
#endif

#if BITS != 16
    TableMaker maker(map.greatest, lane);
#endif
    int sequenceEnd, sequence = sequence_of(work, begin, ends, sequenceEnd);
    Accumulator state;
    wait_for_earlier();
    for (int unit = begin;;)
    {
        const int stop = sequenceEnd < end ? sequenceEnd : end;
        state.start(work, sequence, head, g, q);
#if BITS == 16
        for (; unit < stop; unit++)
        {
            const u32 entry = entries.at(unit);
            if ((entry & ENTRY_KIND) == ENTRY_SEALED)
            {
                attend_halves(state, sealed_block(work, entry), head, 64, g, q);
            }
            else if ((entry & ENTRY_KIND) == ENTRY_OPEN)
            {
                attend_open(state, work, entry, sequence, head, g, q);
            }
        }
#else
        while (unit < stop)
        {
            if (is_sealed(ring.queue[0]))
            {
                make_first_tables(state, ring, maker);
            }

            for (; unit < stop && is_sealed(ring.queue[0]); unit++)
            {
                const u32 later = entries.at(unit + SLOTS);
                const bool follows = unit + 1 < stop && is_sealed(ring.queue[1]);
                attend_sealed(state, ring, maker, sealed_block(work, later), follows, map, lane);
                ring.turn(later);
            }

            // The open Block and padding leave their slots unused, but keep the count of copies.
            for (; unit < stop && !is_sealed(ring.queue[0]); unit++)
            {
                if ((ring.queue[0] & ENTRY_KIND) == ENTRY_OPEN)
                {
                    attend_open(state, work, ring.queue[0], sequence, head, g, q);
                }

                const u32 later = entries.at(unit + SLOTS);
                ring.stage_keys(ring.next, sealed_block(work, later), map, lane);
                ring.stage_values(ring.next, sealed_block(work, later), map, lane);
                ring.turn(later);
            }
        }
#endif
        state.finish(work, chunk + sequence, head, g, q);
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
