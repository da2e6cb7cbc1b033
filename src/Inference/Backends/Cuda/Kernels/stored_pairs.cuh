// Codes of stored payloads as pairs of 16-bit floats, two a register.
#ifndef KVCLUSTER_STORED_PAIRS_CUH
#define KVCLUSTER_STORED_PAIRS_CUH
#include "stored.cuh"

// Two values, finite.
DEVICE u32 stored_pack(float low, float high)
{
    u32 d;
    asm("{ .reg .b32 most, least; cvt.rn.f16x2.f32 %0, %2, %1; mov.b32 most, 0x7bff7bff; mov.b32 least, 0xfbfffbff; "
        "min.f16x2 %0, %0, most; max.f16x2 %0, %0, least; }"
        : "=r"(d)
        : "f"(low), "f"(high));
    return d;
}

// Pairs of 16-bit floats.
DEVICE u32 pair_finite(u32 a)
{
    u32 d;
#if __CUDA_ARCH__ >= 860
    // The least magnitude, with the sign of the value: one instruction.
    asm("{ .reg .b32 most; mov.b32 most, 0x7bff7bff; min.xorsign.abs.f16x2 %0, %1, most; }" : "=r"(d) : "r"(a));
#else
    asm("{ .reg .b32 most, least; mov.b32 most, 0x7bff7bff; mov.b32 least, 0xfbfffbff; min.f16x2 %0, %1, most; max.f16x2 %0, %0, least; }" : "=r"(d) : "r"(a));
#endif
    return d;
}

DEVICE u32 pair_add(u32 a, u32 b)
{
    u32 d;
    asm("add.rn.f16x2 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
    return d;
}

DEVICE u32 pair_multiply_add(u32 a, u32 b, u32 c)
{
    u32 d;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

DEVICE u32 pair_of(u32 half) { return permute(half, half, 0x1010); }

DEVICE u32 pair_of_float(float x) { return pack_halves(x, x); }

// A group of 16 codes as pairs of 16-bit floats, in order: integers, of 16 bits the values as they are.
DEVICE void stored_pairs(const u8* from, int bits, u32 (&pair)[8])
{
    if (bits == 4)
    {
        // A half of 0x6400 and a nibble in its lowest bits is 1024 and the nibble; of 0x5400, 4 bits up, 64 and the nibble.
        const uint2 w = *(const uint2*)from;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            const u32 x = permute(i < 2 ? w.x : w.y, 0, i & 1 ? 0x4342 : 0x4140);
            pair[i] = pair_add(select_or(x, 0x000f000f, 0x64006400), 0xe400e400);
            pair[i + 4] = pair_add(select_or(x, 0x00f000f0, 0x54005400), 0xd400d400);
        }
    }
    else if (bits == 16)
    {
        const uint4 a = ((const uint4*)from)[0], b = ((const uint4*)from)[1];
        const u32 words[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            pair[i] = words[i];
        }
    }
    else if (bits == 8)
    {
        const uint4 a = *(const uint4*)from;
        const u32 words[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            pair[i] = pair_add(permute(words[i / 2], 0x64646464, i & 1 ? 0x4342 : 0x4140), 0xe400e400);
        }
    }
    else if (bits == 2)
    {
        const u32 w = *(const u32*)from;
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            const u32 x = w >> (4 * i);
            pair[i] = pair_add(((x & 3) | (x & 12) << 14) | 0x64006400, 0xe400e400);
        }
    }
    else
    {
        u32 code[16];
        stored_group(from, bits, code);
#pragma unroll
        for (int i = 0; i < 8; i++)
        {
            pair[i] = pair_add((code[2 * i] | code[2 * i + 1] << 16) | 0x64006400, 0xe400e400);
        }
    }
}

#endif
