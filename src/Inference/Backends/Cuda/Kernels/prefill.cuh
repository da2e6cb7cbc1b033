// The work of one prefill step in one layer, shared by both kernels of prefill attention.
//
// Every Sequence brings `rows` queries, its newest tokens, with their K and V in 16 bits; earlier tokens stand in past rows, which expand_blocks.cu
// made of encoded Blocks. Past rows of all Sequences follow one another without gaps. A block of threads takes one tile: TILE_ROWS queries
// of one head. In a local Sequence, which begins with a Block, a query sees only its own Block in 16 bits, and all earlier ones, also those of its own
// Sequence, as past rows: what it sees does not depend on where prompts are cut. Define KEYS, the keys of a step, before this file.
#ifndef KVCLUSTER_PREFILL_CUH
#define KVCLUSTER_PREFILL_CUH
#include "primitives.cuh"

#define TILE_ROWS 128
#define BLOCK_ROWS 64
#define IS_LOCAL 0x40000000
#define OUTPUT_IS_FLOAT 2

struct PrefillWork
{
    const u16* query;      // [rows][heads][HEAD_SIZE], 16-bit floats, RoPE applied; queryStride from row to row
    const u16* key;        // [rows][kvHeads][HEAD_SIZE]
    const u16* value;      // [rows][kvHeads][HEAD_SIZE]
    const u16* pastKey;    // [past rows][kvHeads][HEAD_SIZE], dense
    const u16* pastValue;  // likewise
    const int4* sequences; // first row, rows (with IS_LOCAL or not), first past row, past rows that the first query sees
    const int2* tiles;     // Sequence, first query in it
    void* output;          // [rows][heads][HEAD_SIZE], dense; bf16, or 32-bit with OUTPUT_IS_FLOAT
    float* logSumExp;      // [heads][rows], natural logarithm; may be null
    int queryStride;       // of 16-bit values, a multiple of 8; so are the others
    int keyStride;
    int valueStride;
    int rows;
    int pastRows;
    int kvHeads;
    int group;             // query heads of a KV head
    int tileCount;
    float softmaxScale;
    int flags;
};

DEVICE u32 pack_brain(float low, float high)
{
    u32 d;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
    return d;
}

// Two neighbouring channels.
DEVICE void write_pair(const PrefillWork& work, u64 index, float first, float second)
{
    if (work.flags & OUTPUT_IS_FLOAT)
    {
        *(float2*)((float*)work.output + index) = make_float2(first, second);
        return;
    }

    *(u32*)((u16*)work.output + index) = pack_brain(first, second);
}

// The two rows, g and g + 8, of a lane: greatest logit before scaling, sum of this lane's weights.
struct RowState
{
    float most[2], sum[2];

    DEVICE void start()
    {
        most[0] = most[1] = NOTHING;
        sum[0] = sum[1] = 0;
    }

    // Logits x[2 * (n / 4) + …]: accumulators of an m16 tile, four of each 8 columns, to weights. Factors: what results so far shrink by.
    template <int COUNT>
    DEVICE void weigh(float (&x)[COUNT], float scale, float (&factor)[2])
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            float high = x[2 * i];
#pragma unroll
            for (int n = 0; n < COUNT; n += 4)
            {
                high = fmaxf(high, fmaxf(x[n + 2 * i], x[n + 2 * i + 1]));
            }

            high = fmaxf(max_over_columns(high), most[i]);
            factor[i] = exp2_fast((most[i] - high) * scale);
            most[i] = high;
            // Where nothing is seen yet, NOTHING less itself would round to anything.
            const float shift = high > NOTHING ? high * scale : 0;
            float total = 0;
#pragma unroll
            for (int n = 0; n < COUNT; n += 4)
            {
                x[n + 2 * i] = exp2_fast(fmaf(x[n + 2 * i], scale, -shift));
                x[n + 2 * i + 1] = exp2_fast(fmaf(x[n + 2 * i + 1], scale, -shift));
                total += x[n + 2 * i] + x[n + 2 * i + 1];
            }

            sum[i] = fmaf(sum[i], factor[i], total);
        }
    }

    // Natural logarithm of the sum of a row's exponentials.
    DEVICE float log_sum(int i, float total, float scale) const { return (fmaf(most[i], scale, log2_fast(total))) * 0.69314718f; }
};

// Which keys of a step the rows of a lane see: from `first` on, before `end`, and row r (0: the lane's first) up to diagonal + r.
struct Window
{
    int first, end, diagonal;

    template <int COUNT>
    DEVICE void mask(float (&x)[COUNT], int q) const
    {
        if (first <= 0 && end >= KEYS && !__any_sync(FULL_WARP, diagonal < KEYS))
        {
            return;
        }

#pragma unroll
        for (int n = 0; n < COUNT; n++)
        {
            const int column = n / 4 * 8 + 2 * q + (n & 1), row = n & 2 ? 8 : 0;
            x[n] = column >= first && column < end && column <= diagonal + row ? x[n] : NOTHING;
        }
    }
};

// What a tile attends to, in steps of KEYS: past rows, then its own Sequence up to its last query, of a local one from its first.
struct Span
{
    int2 tile;
    int4 sequence;
    bool isLocal;
    int until;     // where its queries end
    int pastRows;  // that any of them sees
    int pastSteps, steps;

    DEVICE Span(const PrefillWork& work)
    {
        tile = __ldg(work.tiles + blockIdx.y);
        sequence = __ldg(work.sequences + tile.x);
        isLocal = (sequence.y & IS_LOCAL) != 0;
        sequence.y &= ~IS_LOCAL;
        until = tile.y + TILE_ROWS < sequence.y ? tile.y + TILE_ROWS : sequence.y;
        pastRows = isLocal ? sequence.w + (until - 1) / BLOCK_ROWS * BLOCK_ROWS : sequence.w;
        pastSteps = (pastRows + KEYS - 1) / KEYS;
        steps = pastSteps + (until - ownFirst() + KEYS - 1) / KEYS;
    }

    DEVICE int ownFirst() const { return isLocal ? tile.y : 0; }

    DEVICE bool isPast(int step) const { return step < pastSteps; }

    // First key of a step, counted from the first past row, or in the Sequence.
    DEVICE int first(int step) const { return isPast(step) ? step * KEYS : ownFirst() + (step - pastSteps) * KEYS; }

    // Of a lane whose first row is `row` of the Sequence.
    DEVICE Window window(int step, int row) const
    {
        const int block = row / BLOCK_ROWS * BLOCK_ROWS;
        if (isPast(step))
        {
            return {0, (isLocal ? sequence.w + block : sequence.w) - first(step), KEYS};
        }

        return {isLocal ? block - first(step) : 0, KEYS, row - first(step)};
    }
};

#endif
