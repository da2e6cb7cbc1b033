// Groups of 16 codes, as payloads of layout `rows` have them: 2 bytes a bit. Rows of K are channels, rows of V tokens; a row's codes in segments of
// tokens: SALIENT (of K KEY_SALIENT) of HIGH bits first, the others of BITS.
#ifndef KVCLUSTER_GROUPS_CUH
#define KVCLUSTER_GROUPS_CUH
#include "tokenwise.cuh"

// Value of a 16-bit float; infinity and NaN are read as finite (docs/slab-format.md).
DEVICE float finite_half(u32 bits) { return __uint_as_float(((u32)(int)(short)bits << 13) & 0x8fffe000u) * 5.192296858534828e33f; }

template <int CODE_BITS>
struct Group
{
    // Each 16 bytes of 16-bit pieces hold whole codes only for 2, 4 and 8 bits, so 3 bits are read as one number.
    static DEVICE void read(const u8* from, u32 (&code)[16])
    {
        if (CODE_BITS == 8)
        {
            uint4 w = *(const uint4*)from;
            const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
            for (int i = 0; i < 16; i++)
            {
                code[i] = (words[i / 4] >> (8 * (i % 4))) & 255;
            }
        }
        else if (CODE_BITS == 4)
        {
            uint2 w = *(const uint2*)from;
#pragma unroll
            for (int i = 0; i < 16; i++)
            {
                code[i] = ((i & 4 ? w.y : w.x) >> (8 * (i % 4) + (i & 8 ? 4 : 0))) & 15;
            }
        }
        else
        {
            const u16* p = (const u16*)from;
            u64 w = p[0] | (u64)p[1] << 16 | (CODE_BITS == 3 ? (u64)p[2] << 32 : 0);
#pragma unroll
            for (int i = 0; i < 16; i++)
            {
                code[i] = (u32)(w >> (CODE_BITS * i)) & ((1 << CODE_BITS) - 1);
            }
        }
    }

    // `to` at a multiple of 2 bytes, of 8 bits 4.
    static DEVICE void write(u8* to, const u32 (&code)[16])
    {
        if (CODE_BITS == 8 || CODE_BITS == 4)
        {
            u32* words = (u32*)to;
#pragma unroll
            for (int i = 0; i < CODE_BITS / 2; i++)
            {
                u32 w = 0;
#pragma unroll
                for (int j = 0; j < 4; j++)
                {
                    w |= (CODE_BITS == 8 ? code[4 * i + j] : code[4 * i + j] | code[(4 * i + j + 8) & 15] << 4) << (8 * j);
                }

                words[i] = w;
            }
        }
        else
        {
            u64 w = 0;
#pragma unroll
            for (int i = 0; i < 16; i++)
            {
                w |= (u64)code[i] << (CODE_BITS * i);
            }

#pragma unroll
            for (int i = 0; i < CODE_BITS; i++)
            {
                ((u16*)to)[i] = (u16)(w >> (16 * i));
            }
        }
    }
};

// Where a group begins, from the head's codes on: of K the group of stored tokens 16 * group of channel `row`, of V of channels 16 * group of
// stored token `row`.
DEVICE int key_group_at(int row, int group)
{
    const int high = KEY_SALIENT / 16;
    return group < high ? row * (KEY_SALIENT * HIGH / 8) + group * (2 * HIGH) : KEY_HIGH_BYTES + row * ((64 - KEY_SALIENT) * BITS / 8) + (group - high) * (2 * BITS);
}

DEVICE int value_group_at(int row, int group)
{
    return row < SALIENT ? row * (HEAD_SIZE * HIGH / 8) + group * (2 * HIGH) : HIGH_BYTES + (row - SALIENT) * (HEAD_SIZE * BITS / 8) + group * (2 * BITS);
}

// Of a head's codes of K (or V): 16 of them from a stored token in the first segment, or not.
DEVICE void read_group(const u8* from, bool isHigh, u32 (&code)[16])
{
    if (SALIENT > 0 && isHigh)
    {
        Group<HIGH>::read(from, code);
    }
    else
    {
        Group<BITS>::read(from, code);
    }
}

DEVICE void write_group(u8* to, bool isHigh, const u32 (&code)[16])
{
    if (SALIENT > 0 && isHigh)
    {
        Group<HIGH>::write(to, code);
    }
    else
    {
        Group<BITS>::write(to, code);
    }
}

// Byte table of K's part of a payload, or of V's.
struct TensorTable
{
    u32 steps, greatest, end, size;

    DEVICE TensorTable(int kvHeads, bool isKey)
    {
        steps = 256 + kvHeads * (isKey ? KEY_CODES : VALUE_CODES);
        greatest = steps + kvHeads * HEAD_SIZE / 2;
        end = greatest + kvHeads;
        size = (end + 15) & ~15u;
    }
};

#endif
