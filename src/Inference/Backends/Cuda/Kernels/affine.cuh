// Scales and zeros as the codec on the CPU makes them (Quantization/AffineParameters.cs, ChannelScale.cs), bit for bit.
#ifndef KVCLUSTER_AFFINE_CUH
#define KVCLUSTER_AFFINE_CUH
#include "primitives.cuh"

// Bits of a 16-bit float, the rest of |x| cut off; beyond the greatest that.
DEVICE u32 truncate_half(float x, bool& isInexact)
{
    const float clamped = fminf(fabsf(x), 65504.f);
    if (clamped < 6.103515625e-5f)
    {
        const float units = __fmul_rn(clamped, 16777216.f);
        const u32 whole = (u32)units;
        isInexact = (float)whole != units;
        return whole;
    }

    const u32 bits = __float_as_uint(clamped);
    isInexact = (bits & 0x1fff) != 0;
    return (bits >> 13) - (112 << 10);
}

DEVICE u32 floor_half(float x)
{
    bool isInexact;
    const u32 magnitude = truncate_half(x, isInexact);
    return x < 0 ? (magnitude + isInexact) | 0x8000 : magnitude;
}

DEVICE u32 ceiling_half(float x)
{
    bool isInexact;
    const u32 magnitude = truncate_half(x, isInexact);
    return magnitude + isInexact;
}

// A channel's scale as a number of 0 to 255: the middle of a 32-bit float.
DEVICE int scale_number(float scale)
{
    const int bits = (int)__float_as_uint(scale);
    const int rounded = ((bits + (1 << 19) - 1 + ((bits >> 20) & 1)) >> 20) - 888;
    return rounded < 0 ? 0 : rounded > 255 ? 255 : rounded;
}

// Scale, zero, and what codes are made with, of one token.
struct TokenParameters
{
    u32 scale, zero;
    float low, inverseStep;

    DEVICE TokenParameters(float2 range, float maxCode)
    {
        zero = floor_half(range.x);
        low = half_to_float((u16)zero);
        const u32 bits = ceiling_half(__fdiv_rn(fmaxf(__fsub_rn(range.y, low), 0.f), maxCode));
        scale = bits < 1 ? 1 : bits;
        inverseStep = __fdiv_rn(1.f, half_to_float((u16)scale));
    }
};

#endif
