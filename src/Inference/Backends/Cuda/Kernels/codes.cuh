// Codes to 16-bit floats, eight of one row at a time (a chunk), and where a lane's codes belong.
//
// A pair of rows (two channels of K, or two tokens of V) is what one register of an MMA fragment holds. permute() brings the same
// columns of both rows into the two halves of a word; then (word & mask) | magic makes each field the low mantissa bits of a 16-bit
// float: bias + code, exactly. The bias is not taken off here: it is linear, so it comes off sums, as bias times the other operand's sum.
#ifndef KVCLUSTER_CODES_CUH
#define KVCLUSTER_CODES_CUH
#include "primitives.cuh"

// Slot f = 2*tile + half of a chunk: tile is the MMA tile (of 4), half says rows g (0) or g+8 (1).
template <int CODE_BITS>
struct Codes;

template <>
struct Codes<8>
{
    struct Chunk { u32 w[2]; };
    static DEVICE Chunk load(const u8* p) { uint2 v = *(const uint2*)p; return {{v.x, v.y}}; }
    static constexpr DEVICE float bias(int) { return 1024.f; }
    static DEVICE void expand(Chunk a, Chunk b, u32 (&out)[8])
    {
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            u32 x = permute(a.w[i >> 1], b.w[i >> 1], i & 1 ? 0x7632 : 0x5410);
            out[2 * i] = select_or(x, 0x00ff00ff, 0x64006400);
            out[2 * i + 1] = select_or(x >> 8, 0x00ff00ff, 0x64006400);
        }
    }
};

template <>
struct Codes<4>
{
    struct Chunk { u32 w[1]; };
    static DEVICE Chunk load(const u8* p) { return {{*(const u32*)p}}; }
    static constexpr DEVICE float bias(int slot) { return slot & 1 ? 64.f : 1024.f; }
    static DEVICE void expand(Chunk a, Chunk b, u32 (&out)[8])
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            u32 x = permute(a.w[0], b.w[0], i ? 0x7632 : 0x5410);
            u32 y = x >> 8;
            out[4 * i] = select_or(x, 0x000f000f, 0x64006400);
            out[4 * i + 1] = select_or(x, 0x00f000f0, 0x54005400);
            out[4 * i + 2] = select_or(y, 0x000f000f, 0x64006400);
            out[4 * i + 3] = select_or(y, 0x00f000f0, 0x54005400);
        }
    }
};

template <>
struct Codes<3>
{
    static constexpr DEVICE float bias(int slot) { return slot == 5 ? 8.f : slot == 2 ? 16.f : slot == 0 || slot == 3 || slot == 6 ? 1024.f : 128.f; }

    // Up to 24 bits of each row: 8 codes, one after another.
    static DEVICE void expand(u32 a, u32 b, u32 (&out)[8])
    {
        u32 x = permute(a, b, 0x5410), y = permute(a, b, 0x6521), z = x >> 9, v = y >> 10;
        out[0] = select_or(x, 0x00070007, 0x64006400);
        out[1] = select_or(x, 0x00380038, 0x58005800);
        out[2] = select_or(x, 0x01c001c0, 0x4c004c00);
        out[3] = select_or(z, 0x00070007, 0x64006400);
        out[4] = select_or(z, 0x00380038, 0x58005800);
        out[5] = select_or(y, 0x03800380, 0x48004800);
        out[6] = select_or(v, 0x00070007, 0x64006400);
        out[7] = select_or(v, 0x00380038, 0x58005800);
    }
};

template <>
struct Codes<2>
{
    struct Chunk { u32 w[1]; };
    static DEVICE Chunk load(const u8* p) { return {{*(const u16*)p}}; }
    static constexpr DEVICE float bias(int slot)
    {
        return slot % 5 == 0 ? 1024.f : slot % 5 == 1 ? 256.f : slot % 5 == 2 ? 64.f : slot == 3 ? 16.f : 4.f;
    }
    static DEVICE void expand(Chunk a, Chunk b, u32 (&out)[8]) { expand(a.w[0], b.w[0], out); }

    // Up to 16 bits of each row: 8 codes, one after another.
    static DEVICE void expand(u32 a, u32 b, u32 (&out)[8]) { expand_pair(permute(a, b, 0x5410), out); }

    // The two rows in the halves of x.
    static DEVICE void expand_pair(u32 x, u32 (&out)[8])
    {
        u32 y = x >> 10;
        out[0] = select_or(x, 0x00030003, 0x64006400);
        out[1] = select_or(x, 0x000c000c, 0x5c005c00);
        out[2] = select_or(x, 0x00300030, 0x54005400);
        out[3] = select_or(x, 0x00c000c0, 0x4c004c00);
        out[4] = select_or(x, 0x03000300, 0x44004400);
        out[5] = select_or(y, 0x00030003, 0x64006400);
        out[6] = select_or(y, 0x000c000c, 0x5c005c00);
        out[7] = select_or(y, 0x00300030, 0x54005400);
    }
};

// 16-bit floats as they are (an open Block, `raw`).
struct HalfChunk { u32 w[4]; };

// The column of a chunk's slot. 4-bit codes stand in groups of 16, code j and j+8 in a byte; all others in order.
template <bool NIBBLES>
DEVICE int column(int chunk, int slot)
{
    return NIBBLES ? 16 * (chunk >> 1) + 4 * (chunk & 1) + (slot >> 1) + 8 * (slot & 1) : 8 * chunk + slot;
}

// The chunk of 16-bit values whose slots are those columns.
template <bool NIBBLES, bool GLOBAL>
DEVICE HalfChunk load_halves(const u16* row, int chunk)
{
    if (NIBBLES)
    {
        const u16* p = row + column<true>(chunk, 0);
        uint2 low = *(const uint2*)p;
        uint2 high = *(const uint2*)(p + 8);
        return {{low.x, low.y, high.x, high.y}};
    }

    uint4 v = GLOBAL ? load16_once(row + 8 * chunk) : *(const uint4*)(row + 8 * chunk);
    return {{v.x, v.y, v.z, v.w}};
}

template <bool NIBBLES>
DEVICE constexpr int half_word(int slot) { return NIBBLES ? 2 * (slot & 1) + (slot >> 2) : slot >> 1; }

template <bool NIBBLES>
DEVICE constexpr bool is_high_half(int slot) { return NIBBLES ? (slot >> 1) & 1 : slot & 1; }

template <bool NIBBLES>
DEVICE void expand_halves(HalfChunk a, HalfChunk b, u32 (&out)[8])
{
#pragma unroll
    for (int slot = 0; slot < 8; slot++)
    {
        out[slot] = permute(a.w[half_word<NIBBLES>(slot)], b.w[half_word<NIBBLES>(slot)], is_high_half<NIBBLES>(slot) ? 0x7632 : 0x5410);
    }
}

// A slot's bf16 value.
template <bool NIBBLES>
DEVICE float brain_float(HalfChunk a, int slot)
{
    u32 w = a.w[half_word<NIBBLES>(slot)];
    return __uint_as_float(is_high_half<NIBBLES>(slot) ? w & 0xffff0000u : w << 16);
}

#endif
