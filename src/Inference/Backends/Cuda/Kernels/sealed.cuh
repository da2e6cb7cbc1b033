// Attention on a sealed Block of codes, and the ring of shared memory in which Blocks arrive.
//
// Nothing is multiplied per element: with x = (code * scale[t] + zero[t]) * channel[d], channel scales of K go into the query, scale and
// zero of K into the logit, the scale of V into the weight, its zero into one sum a head, channel scales of V into the Block's result.
// Queries and weights round to 16 bits; all sums are in 32 bits.
#ifndef KVCLUSTER_SEALED_CUH
#define KVCLUSTER_SEALED_CUH
#include "accumulator.cuh"

#ifndef SLOTS
#define SLOTS 3
#endif

// S = K q of a slot's 64 tokens, plus bias times the sum of the query, which comes apart.
DEVICE void score(const Accumulator& state, const u8* slot, float (&x)[4][4], float (&querySum)[4], int g, int q)
{
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        x[j][0] = x[j][1] = x[j][2] = x[j][3] = 0;
    }

    querySum[0] = querySum[1] = querySum[2] = querySum[3] = 0;
    const uint2* scales = (const uint2*)(slot + KEY_CHANNELS) + q * KEY_STEPS;
    const u32 ones[4] = {ONES, ONES, ONES, ONES};
#pragma unroll
    for (int s = 0; s < KEY_STEPS; s++)
    {
        uint2 scale = scales[s];
        u32 b0 = multiply_halves(state.query[s][0], scale.x), b1 = multiply_halves(state.query[s][1], scale.y);
        u32 a[2][8];
        key_fragments(slot + SLOT_KEYS, s, g, q, a);
        mma(querySum, ones, b0, b1, querySum[0], querySum[1], querySum[2], querySum[3]);
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            u32 tile[4] = {a[0][2 * j], a[0][2 * j + 1], a[1][2 * j], a[1][2 * j + 1]};
            mma(x[j], tile, b0, b1, x[j][0], x[j][1], x[j][2], x[j][3]);
        }
    }
}

// Logits of sums, weights of logits, and the weights times V's scales as fragments; zeros: of V, weighed.
DEVICE void weigh(Accumulator& state, const u8* table, float (&x)[4][4], const float (&querySum)[4], u32 (&weights)[4][2], float (&zeros)[2], int g)
{
    const float4* tokens = (const float4*)table + g;
#pragma unroll
    for (int slot = 0; slot < 8; slot++)
    {
        float2 t = *(const float2*)(tokens + slot * 8);
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            float& logit = x[slot >> 1][2 * (slot & 1) + i];
            logit = fmaf(logit, t.x, t.y * querySum[i]);
        }
    }

    state.weigh(x);
    zeros[0] = zeros[1] = 0;
#pragma unroll
    for (int slot = 0; slot < 8; slot++)
    {
        float2 t = *((const float2*)(tokens + slot * 8) + 1);
        float first = x[slot >> 1][2 * (slot & 1)], second = x[slot >> 1][2 * (slot & 1) + 1];
        zeros[0] = fmaf(first, t.y, zeros[0]);
        zeros[1] = fmaf(second, t.y, zeros[1]);
        weights[slot >> 1][slot & 1] = transpose_8x8(pack_halves(first * t.x, second * t.x));
    }

    zeros[0] = sum_over_rows(zeros[0]);
    zeros[1] = sum_over_rows(zeros[1]);
}

// Adds the weighted V of a slot's 64 tokens to the output.
DEVICE void add_values(Accumulator& state, const u8* slot, const u32 (&weights)[4][2], const float (&zeros)[2], int g, int q)
{
    const u32 ones[4] = {ONES, ONES, ONES, ONES};
    float high[4] = {0, 0, 0, 0}, low[4] = {0, 0, 0, 0};
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        float(&total)[4] = 2 * j < HIGH_SLOTS ? high : low;
        mma(total, ones, weights[j][0], weights[j][1], total[0], total[1], total[2], total[3]);
    }

#pragma unroll
    for (int first = 0; first < VALUE_CHUNKS; first += JOINT)
    {
        float o[4 * JOINT][4];
#pragma unroll
        for (int t = 0; t < 4 * JOINT; t++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                o[t][i] = fmaf(-value_bias(3, 2 * t + (i >> 1)), low[i & 1], zeros[i & 1]);
                o[t][i] = HIGH_SLOTS ? fmaf(-value_bias(0, 2 * t + (i >> 1)), high[i & 1], o[t][i]) : o[t][i];
            }
        }

#pragma unroll
        for (int j = 0; j < 4; j++)
        {
                u32 a[2][8 * JOINT];
            value_fragments(slot + SLOT_VALUES, j, first, g, q, a);
#pragma unroll
            for (int t = 0; t < 4 * JOINT; t++)
            {
                u32 tile[4] = {a[0][2 * t], a[0][2 * t + 1], a[1][2 * t], a[1][2 * t + 1]};
                mma(o[t], tile, weights[j][0], weights[j][1], o[t][0], o[t][1], o[t][2], o[t][3]);
            }
        }

#pragma unroll
        for (int chunk = 0; chunk < JOINT; chunk++)
        {
            HalfChunk channels = load_halves<NIBBLES, false>((const u16*)(slot + VALUE_CHANNELS), value_chunk(g, first + chunk));
#pragma unroll
            for (int slot = 0; slot < 8; slot++)
            {
                const float channel = brain_float<NIBBLES>(channels, slot);
                const float(&from)[4] = o[4 * chunk + (slot >> 1)];
                float(&to)[4] = state.output[4 * (first + chunk) + (slot >> 1)];
                to[2 * (slot & 1)] = fmaf(channel, from[2 * (slot & 1)], to[2 * (slot & 1)]);
                to[2 * (slot & 1) + 1] = fmaf(channel, from[2 * (slot & 1) + 1], to[2 * (slot & 1) + 1]);
            }
        }
    }
}

// A warp's ring: Blocks on their way, K and V each a group of copies.
struct Ring
{
    u8* slots;
    u32 slotsAt;
    int next;          // slot of the unit at hand
    u32 queue[SLOTS];  // entries of it and those that follow
    u8* tables;        // of tokens: of the unit at hand, and of the one after it
    int turns;

    DEVICE int following() const { return next + 1 == SLOTS ? 0 : next + 1; }

    DEVICE u8* table(int ahead) const { return tables + ((turns + ahead) & 1) * TOKEN_TABLE_BYTES; }

    DEVICE void stage_keys(int slot, const u8* payload, const PayloadMap& map, int lane)
    {
        if (payload)
        {
            ::stage_keys(slotsAt + slot * SLOT_BYTES, payload, map, lane);
        }

        commit_copies();
    }

    DEVICE void stage_values(int slot, const u8* payload, const PayloadMap& map, int lane)
    {
        if (payload)
        {
            ::stage_values(slotsAt + slot * SLOT_BYTES, payload, map, lane);
        }

        commit_copies();
    }

    DEVICE void turn(u32 later)
    {
#pragma unroll
        for (int i = 0; i < SLOTS; i++)
        {
            queue[i] = i + 1 < SLOTS ? queue[i + 1] : later;
        }

        next = following();
        turns++;
    }
};

// The tables of the unit at hand, when no unit before it has made them. K and V of it must not be waited for again.
DEVICE void make_first_tables(const Accumulator& state, Ring& ring, TableMaker& maker)
{
    u8* slot = ring.slots + ring.next * SLOT_BYTES;
    wait_copies<2 * SLOTS - 2>();
    __syncwarp();
    maker.make_tokens(ring.table(0), slot, state.queryScale);
    __syncwarp();
    maker.make_channels(slot);
    __syncwarp();
}

// The unit at hand, a sealed Block whose tables are made; its slot is refilled from `next` (null: not at all) as K, then V are used up.
// While V is read, the tables of the following unit are made, if that is of the same Sequence.
DEVICE void attend_sealed(Accumulator& state, Ring& ring, TableMaker& maker, const u8* next, bool follows, const PayloadMap& map, int lane)
{
    const int g = lane / 4, q = lane % 4;
    u8* slot = ring.slots + ring.next * SLOT_BYTES;
    u8* following = ring.slots + ring.following() * SLOT_BYTES;
    float x[4][4], querySum[4], zeros[2];
    u32 weights[4][2];
    score(state, slot, x, querySum, g, q);
    __syncwarp();
    ring.stage_keys(ring.next, next, map, lane);
    wait_copies<2 * SLOTS - 3>();
    __syncwarp();
    if (follows)
    {
        maker.make_tokens(ring.table(1), following, state.queryScale);
    }

    weigh(state, ring.table(0), x, querySum, weights, zeros, g);
    __syncwarp();
    if (follows)
    {
        maker.make_channels(following);
    }

    add_values(state, slot, weights, zeros, g, q);
    __syncwarp();
    ring.stage_values(ring.next, next, map, lane);
}

#endif
