// The codes of a lane in a slot: of K its tokens of one channel, of V its channels of one token, as fragments of a pair of rows.
#ifndef KVCLUSTER_SEGMENTS_CUH
#define KVCLUSTER_SEGMENTS_CUH
#include "tables.cuh"

#define VALUE_CHUNKS (HEAD_SIZE / 64)

#if BITS == 16
#define NIBBLES false
#define APART true
#elif SALIENT
#define NIBBLES true
#define APART false
#else
#define NIBBLES (BITS == 4)
#define APART (BITS != 2)
#endif

// A lane's V chunks: 64 channels apart, so that a warp reads whole lines, or neighbours, where one word holds both.
DEVICE int value_chunk(int g, int i) { return APART ? g + 8 * i : VALUE_CHUNKS * g + i; }

// V chunks whose fragments are made together: as many as share words.
#define JOINT (SALIENT ? VALUE_CHUNKS : 1)

#if BITS != 16 && SALIENT == 0
// Rows 4*i + q of a k16 step, i = 0 to 3: two pairs of channels, 8 tokens each.
DEVICE void key_fragments(const u8* keys, int step, int g, int q, u32 (&a)[2][8])
{
    typename Codes<BITS>::Chunk c[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        c[i] = Codes<BITS>::load(keys + (16 * step + 4 * i) * (8 * BITS) + key_place(q * (8 * BITS) + g * BITS));
    }

    Codes<BITS>::expand(c[0], c[1], a[0]);
    Codes<BITS>::expand(c[2], c[3], a[1]);
}

// Tokens of k16 step j, one chunk of channels: two pairs of tokens, 8 channels each.
DEVICE void value_fragments(const u8* values, int j, int chunk, int g, int q, u32 (&a)[2][8])
{
    // The row is 16 q and something below 16, so its place is known but for bits 5 and 6.
    const u32 lane = (q * (16 * VALUE_ROW) + value_chunk(g, 0) * BITS) ^ (q << 5);
    typename Codes<BITS>::Chunk c[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const u32 at = column<NIBBLES>(i & 1, 2 * j + (i >> 1)) * VALUE_ROW + value_chunk(0, chunk) * BITS;
        c[i] = Codes<BITS>::load(values + (lane ^ (at & 0x60)) + (at & ~0x60u));
    }

    Codes<BITS>::expand(c[0], c[1], a[0]);
    Codes<BITS>::expand(c[2], c[3], a[1]);
}

DEVICE constexpr float value_bias(int, int slot) { return Codes<BITS>::bias(slot); }
#endif

#if SALIENT
// Tokens of HIGH bits have 4: of each group of 16, lane group g has one byte. The others' codes are one stream of bits a channel, of which g has
// LOW_EACH codes, from any bit on.
DEVICE void key_fragments(const u8* keys, int step, int g, int q, u32 (&a)[2][8])
{
    const u8* high = keys + q * (KEY_SALIENT / 2) + g;
#pragma unroll
    for (int i = 0; i < 4; i += 2)
    {
#pragma unroll
        for (int group = 0; group < KEY_SALIENT / 16; group++)
        {
            const u8* p = high + (16 * step + 4 * i) * (KEY_SALIENT / 2) + 8 * group;
            u32 x = permute(p[0], p[4 * (KEY_SALIENT / 2)], 0x5410);
            a[i / 2][2 * group] = select_or(x, 0x000f000f, 0x64006400);
            a[i / 2][2 * group + 1] = select_or(x, 0x00f000f0, 0x54005400);
        }
    }

#if KEY_SALIENT < 64
    const int bit = q * (BITS * (64 - KEY_SALIENT)) + g * (BITS * LOW_EACH);
    const u32* low = (const u32*)(keys + KEY_HIGH_BYTES) + (bit >> 5);
    u32 c[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const u32* p = low + (4 * step + i) * (BITS * (64 - KEY_SALIENT) / 8);
        c[i] = funnel(p[0], p[1], bit & 31);
    }

#pragma unroll
    for (int pair = 0; pair < 2; pair++)
    {
        u32 out[8];
        Codes<BITS>::expand(c[2 * pair], c[2 * pair + 1], out);
#pragma unroll
        for (int f = 0; f < LOW_EACH; f++)
        {
            a[pair][KEY_HIGH_SLOTS + f] = out[f];
        }
    }
#endif
}

// A lane's channels of a row of codes in order: those of slots with half 0 in x[0], half 1 in x[1], tile t at code t. Of 2 bits one word
// holds both, x[1] in its upper half.
DEVICE void load_stream(const u8* row, int g, u32 (&x)[2])
{
    const int bit = column<true>(value_chunk(g, 0), 0) * BITS;
    const u32* p = (const u32*)row + (bit >> 5);
    if (BITS == 2)
    {
        x[0] = x[1] = HEAD_SIZE == 128 ? p[0] : p[0] >> (bit & 31);
        return;
    }

    const int next = bit + 8 * BITS;
    const u32* after = (const u32*)row + (next >> 5);
    x[0] = funnel(p[0], p[1], bit & 31);
    x[1] = funnel(after[0], after[1], next & 31);
}

DEVICE void expand_stream(u32 a, u32 b, int half, u32 (&out)[8])
{
#if BITS == 2
    Codes<2>::expand_pair(permute(a, b, half ? 0x7632 : 0x5410), out);
#else
    Codes<BITS>::expand(a, b, out);
#endif
}

// Tokens of k16 step j, all chunks of channels.
DEVICE void value_fragments(const u8* values, int j, int, int g, int q, u32 (&a)[2][8 * JOINT])
{
#pragma unroll
    for (int pair = 0; pair < 2; pair++)
    {
        const int first = token_of(2 * q, 2 * j + pair), second = token_of(2 * q + 1, 2 * j + pair);
        if (2 * j < HIGH_SLOTS)
        {
            const u8* p = values + value_chunk(g, 0) * 4;
#pragma unroll
            for (int chunk = 0; chunk < JOINT; chunk++)
            {
                u32 out[8];
                Codes<4>::expand(Codes<4>::load(p + first * (HEAD_SIZE / 2) + 4 * chunk), Codes<4>::load(p + second * (HEAD_SIZE / 2) + 4 * chunk), out);
#pragma unroll
                for (int slot = 0; slot < 8; slot++)
                {
                    a[pair][8 * chunk + slot] = out[slot];
                }
            }
        }
        else
        {
            u32 x[2], y[2];
            load_stream(values + HIGH_BYTES + (first - SALIENT) * VALUE_ROW, g, x);
            load_stream(values + HIGH_BYTES + (second - SALIENT) * VALUE_ROW, g, y);
#pragma unroll
            for (int half = 0; half < 2; half++)
            {
                u32 out[8];
                expand_stream(x[half], y[half], half, out);
#pragma unroll
                for (int tile = 0; tile < 4 * JOINT; tile++)
                {
                    a[pair][2 * tile + half] = out[tile];
                }
            }
        }
    }
}

// Of a weight in k16 step j.
DEVICE constexpr float value_bias(int j, int slot) { return 2 * j < HIGH_SLOTS ? Codes<4>::bias(slot) : Codes<BITS>::bias(slot >> 1); }
#endif

#endif
