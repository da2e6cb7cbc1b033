// What a warp makes of a slot's parameters, in shared memory: one lane's work for all.
//
//   tokens    a table of its own, as the next Block's is made while this one's is in use: [slot of 8][g] {scale of K, zero of K less bias *
//             scale, scale of V, zero of V}
//   channels  in place of the slot's parameters: scales of K over a power of two, 16-bit floats [q][HEAD_SIZE / 4]; scales of V, bf16
#ifndef KVCLUSTER_TABLES_CUH
#define KVCLUSTER_TABLES_CUH
#include "tokenwise.cuh"

#define TOKEN_TABLE_BYTES 1024
#define TABLE_BYTES (2 * TOKEN_TABLE_BYTES)
#define KEY_CHANNELS SLOT_PARAMETERS
#define VALUE_CHANNELS (SLOT_PARAMETERS + 2 * HEAD_SIZE)

struct TableMaker
{
    int greatest;    // place of the head's greatest channel scales
    int lane;
    int place[2];    // of the lane's two tokens
    float bias[2];
    int exponent;    // of the greatest scale of V of the Block at hand
    u32 greatestKey;

    DEVICE TableMaker(int greatest, int lane) : greatest(greatest), lane(lane)
    {
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            int slot = token_slot(2 * lane + i);
            place[i] = slot * 8 + token_group(2 * lane + i);
            bias[i] = key_bias(slot);
        }
    }

    // Scales of K come times keyFactor and the head's power of two, those of V times a power of two that brings the greatest to 2^12, so
    // that weights fit in 16 bits; V's channel scales carry its inverse.
    DEVICE void make_tokens(u8* table, const u8* slot, float keyFactor)
    {
        const u32* parameters = (const u32*)(slot + SLOT_PARAMETERS);
        u32 ks = parameters[lane], kz = parameters[32 + lane], vs = parameters[64 + lane], vz = parameters[96 + lane];
        greatestKey = slot[SLOT_GREATEST + greatest];
        float most = fmaxf(fmaxf(low_half(vs), high_half(vs)), 0.125f * fmaxf(fabsf(low_half(vz)), fabsf(high_half(vz))));
        exponent = (int)(warp_max(__float_as_uint(most)) >> 23);
        float valueFactor = __uint_as_float((u32)(266 - exponent) << 23);
        keyFactor *= __uint_as_float((127 - 16 + (greatestKey >> 3)) << 23);
#pragma unroll
        for (int i = 0; i < 2; i++)
        {
            float scale = i ? high_half(ks) : low_half(ks), zero = i ? high_half(kz) : low_half(kz);
            ((float4*)table)[place[i]] = make_float4(
                scale * keyFactor, fmaf(-bias[i], scale, zero) * keyFactor, (i ? high_half(vs) : low_half(vs)) * valueFactor,
                (i ? high_half(vz) : low_half(vz)) * valueFactor);
        }
    }

    // After make_tokens of the same slot, and a barrier: overwrites the parameters.
    DEVICE void make_channels(u8* slot)
    {
        if (lane >= HEAD_SIZE / 4)
        {
            return;
        }

        // channels 4*lane to 4*lane + 3: halves of the bytes of one word
        const u32* steps = (const u32*)(slot + SLOT_STEPS);
        int word = 2 * (lane >> 2) + (lane & 1), shift = 4 * ((lane >> 1) & 1);
        u32 keySteps = (steps[word] >> shift) & 0x0f0f0f0f, valueSteps = (steps[HEAD_SIZE / 8 + word] >> shift) & 0x0f0f0f0f;
        u32 base = (120 + (greatestKey & 7)) << 7;
        u16* keys = (u16*)(slot + KEY_CHANNELS) + lane;
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            keys[i * (HEAD_SIZE / 4)] = (u16)(base - (((keySteps >> (8 * i)) & 15) << 8));
        }

        int valueBase = ((slot[SLOT_GREATEST + 16 + greatest] + 888) << 4) + ((exponent - 139) << 7);
        u32 v[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            v[i] = (u32)(valueBase - (int)(((valueSteps >> (8 * i)) & 15) << 5));
        }

        *(uint2*)(slot + VALUE_CHANNELS + 8 * lane) = make_uint2(v[0] | v[1] << 16, v[2] | v[3] << 16);
    }
};

#endif
