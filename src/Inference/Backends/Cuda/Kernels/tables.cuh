// What a warp makes of a slot's parameters, in shared memory: one lane's work for all.
#ifndef KVCLUSTER_TABLES_CUH
#define KVCLUSTER_TABLES_CUH
#include "tokenwise.cuh"

#define TABLE_TOKENS 0     // [slot of 8][g] {scale of K, zero of K less bias * scale, scale of V, zero of V}
#define TABLE_VALUES 1024  // [HEAD_SIZE] channel scales of V, bf16
#define TABLE_BYTES (TABLE_VALUES + 2 * HEAD_SIZE)

// Scales of K come times keyFactor and the head's power of two, those of V times a power of two that brings the greatest to 2^12, so
// that weights fit in 16 bits; V's channel scales carry its inverse. Channel scales of K over a power of two, as 16-bit floats
// [q][HEAD_SIZE / 4], replace the slot's parameters.
DEVICE void make_tables(u8* table, u8* slot, int greatest, float keyFactor, int lane)
{
    const u32* parameters = (const u32*)(slot + SLOT_PARAMETERS);
    u32 ks = parameters[lane], kz = parameters[32 + lane], vs = parameters[64 + lane], vz = parameters[96 + lane];
    int greatestKey = slot[SLOT_GREATEST + greatest], greatestValue = slot[SLOT_GREATEST + 16 + greatest];
    float most = fmaxf(fmaxf(low_half(vs), high_half(vs)), 0.125f * fmaxf(fabsf(low_half(vz)), fabsf(high_half(vz))));
    int exponent = (int)(warp_max(__float_as_uint(most)) >> 23);
    float valueFactor = __uint_as_float((u32)(266 - exponent) << 23);
    keyFactor *= __uint_as_float((u32)(127 - 16 + (greatestKey >> 3)) << 23);

    float4* tokens = (float4*)(table + TABLE_TOKENS);
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        int t = 2 * lane + i, place = token_slot(t);
        float scale = i ? high_half(ks) : low_half(ks), zero = i ? high_half(kz) : low_half(kz);
        tokens[place * 8 + token_group(t)] = make_float4(
            scale * keyFactor, fmaf(-key_bias(place), scale, zero) * keyFactor, (i ? high_half(vs) : low_half(vs)) * valueFactor,
            (i ? high_half(vz) : low_half(vz)) * valueFactor);
    }

    __syncwarp();
    if (lane < HEAD_SIZE / 4)
    {
        // channels 4*lane to 4*lane + 3: halves of the bytes of one word
        const u32* steps = (const u32*)(slot + SLOT_STEPS);
        int word = 2 * (lane >> 2) + (lane & 1), shift = 4 * ((lane >> 1) & 1);
        u32 keySteps = (steps[word] >> shift) & 0x0f0f0f0f, valueSteps = (steps[HEAD_SIZE / 8 + word] >> shift) & 0x0f0f0f0f;
        u32 base = (120 + (greatestKey & 7)) << 7;
        u16* keys = (u16*)(slot + SLOT_PARAMETERS) + lane;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            keys[i * (HEAD_SIZE / 4)] = (u16)(base - (((keySteps >> (8 * i)) & 15) << 8));
        }

        int valueBase = ((greatestValue + 888) << 4) + ((exponent - 139) << 7);
        u32 v[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            v[i] = (u32)(valueBase - (int)(((valueSteps >> (8 * i)) & 15) << 5));
        }

        *(uint2*)(table + TABLE_VALUES + 8 * lane) = make_uint2(v[0] | v[1] << 16, v[2] | v[3] << 16);
    }
}

#endif
