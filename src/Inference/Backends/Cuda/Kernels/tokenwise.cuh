// Byte table of tokenwise payloads (docs/slab-format.md, layout `rows`): K, then V alike; of each
//   256 bytes    64 scales, 64 zeros, 16-bit floats
//   codes        by head: of K a row of codes a channel, of V a row of D codes a token; `zipcache`: first those of the salient tokens, of V at least
//   channels/2   steps below the head's greatest channel scale, 4 bits each
//   kvHeads      greatest channel scales
//   zeros up to a multiple of 16
// In the device's pool V begins at the next multiple of 128, so that a warp's copies are of whole cache lines.
// A warp stages what one KV head needs of one payload in a slot of shared memory.
#ifndef KVCLUSTER_TOKENWISE_CUH
#define KVCLUSTER_TOKENWISE_CUH
#include "codes.cuh"
#include "work.cuh"

// SALIENT tokens of HIGH bits come first, the others have BITS. Of K so many have HIGH bits: as many, or all 64.
#ifndef SALIENT
#define SALIENT 0
#define HIGH BITS
#endif
#ifndef KEY_SALIENT
#define KEY_SALIENT SALIENT
#endif
#define HIGH_SLOTS (SALIENT / 8)
#define KEY_HIGH_SLOTS (KEY_SALIENT / 8)
#define HIGH_BYTES (HEAD_SIZE * SALIENT * HIGH / 8)
#define KEY_HIGH_BYTES (HEAD_SIZE * KEY_SALIENT * HIGH / 8)
#define KEY_CODES (KEY_HIGH_BYTES + HEAD_SIZE * (64 - KEY_SALIENT) * BITS / 8)
#define VALUE_CODES (HIGH_BYTES + HEAD_SIZE * (64 - SALIENT) * BITS / 8)

#define SLOT_KEYS 0
#define SLOT_VALUES KEY_CODES
#define SLOT_PARAMETERS (KEY_CODES + VALUE_CODES)
#define SLOT_STEPS (SLOT_PARAMETERS + 512)
#define SLOT_GREATEST (SLOT_STEPS + HEAD_SIZE)
#define SLOT_BYTES (SLOT_GREATEST + 32)

// Offsets in a payload of what a lane copies beside codes: 16 bytes of parameters, and perhaps 16 of channel steps.
struct PayloadMap
{
    u32 keys;
    u32 values;
    u32 parameters;
    u32 steps;
    bool hasSteps;
    int greatest;

    DEVICE PayloadMap(int kvHeads, int head, int lane)
    {
        u32 channels = kvHeads * HEAD_SIZE;
        u32 tensor = value_offset(256 + kvHeads * KEY_CODES + channels / 2 + kvHeads);
        keys = 256 + head * KEY_CODES;
        values = tensor + 256 + head * VALUE_CODES;
        parameters = lane < 16 ? lane * 16 : tensor + (lane - 16) * 16;
        const int each = HEAD_SIZE / 32;
        hasSteps = lane < 2 * each + 2;
        int of = lane < 2 * each ? lane / each : lane - 2 * each;
        u32 stepsAt = 256 + kvHeads * (of == 0 ? KEY_CODES : VALUE_CODES);
        u32 greatestAt = stepsAt + channels / 2;
        u32 within = lane < 2 * each ? stepsAt + head * (HEAD_SIZE / 2) + (lane % each) * 16 : greatestAt + (head & ~15);
        steps = of * tensor + within;
        greatest = head & 15;
    }
};

// Rows that lanes of different q read together would share banks; bits 5 and 6 of an address, which choose a quarter of the banks,
// are mixed with bits of the row. Of V, rows 16 apart meet; of 8-bit K, rows 2 apart.
DEVICE u32 key_place(u32 at) { return SALIENT == 0 && BITS == 8 ? at ^ ((at >> 2) & 0x20) : at; }

#define VALUE_ROW (HEAD_SIZE * BITS / 8)
DEVICE u32 value_place(u32 at) { return SALIENT == 0 ? at ^ (((at / (16 * VALUE_ROW)) & 3) << 5) : at; }

template <bool IS_KEY>
DEVICE void stage_codes(u32 to, const u8* codes, int lane)
{
    constexpr int BYTES = IS_KEY ? KEY_CODES : VALUE_CODES;
    const u32 mine = IS_KEY ? key_place(lane * 16) : value_place(lane * 16);
    const u8* from = codes + lane * 16;
    keep_pointer(from);
#pragma unroll
    for (int i = 0; i < (BYTES + 511) / 512; i++)
    {
        if ((i + 1) * 512 <= BYTES || lane * 16 < BYTES % 512)
        {
            const u32 turn = IS_KEY ? 0 : value_place(i * 512) ^ (i * 512);
            copy16_async(to + (mine ^ turn) + i * 512, from + i * 512);
        }
    }
}

DEVICE void stage_keys(u32 slot, const u8* payload, const PayloadMap& map, int lane)
{
    stage_codes<true>(slot + SLOT_KEYS, payload + map.keys, lane);
}

// V, and the parameters and channel steps of both.
DEVICE void stage_values(u32 slot, const u8* payload, const PayloadMap& map, int lane)
{
    copy16_async(slot + SLOT_PARAMETERS + lane * 16, payload + map.parameters);
    if (map.hasSteps)
    {
        copy16_async(slot + SLOT_STEPS + lane * 16, payload + map.steps);
    }

    stage_codes<false>(slot + SLOT_VALUES, payload + map.values, lane);
}

// Token t, as stored, is lane group token_group(t)'s, in its slot token_slot(t); token_of is the inverse. K decides: its tokens of HIGH bits are a
// byte a lane group of each 16, the others neighbours.
#define LOW_EACH (KEY_SALIENT < 64 ? (64 - KEY_SALIENT) / 8 : 1)
DEVICE int token_of(int g, int slot)
{
#if SALIENT
    return slot < KEY_HIGH_SLOTS ? 16 * (slot >> 1) + g + 8 * (slot & 1) : KEY_SALIENT + LOW_EACH * g + slot - KEY_HIGH_SLOTS;
#else
    return column<BITS == 4>(g, slot);
#endif
}

DEVICE int token_slot(int t)
{
#if SALIENT
    return t < KEY_SALIENT ? 2 * (t >> 4) + ((t >> 3) & 1) : KEY_HIGH_SLOTS + (t - KEY_SALIENT) % LOW_EACH;
#else
    return BITS == 4 ? 2 * (t & 3) + ((t >> 3) & 1) : t & 7;
#endif
}

DEVICE int token_group(int t)
{
#if SALIENT
    return t < KEY_SALIENT ? t & 7 : (t - KEY_SALIENT) / LOW_EACH;
#else
    return BITS == 4 ? 2 * (t >> 4) + ((t >> 2) & 1) : t >> 3;
#endif
}

DEVICE float key_bias(int slot)
{
#if BITS == 16
    return 0;
#elif SALIENT
    return slot < KEY_HIGH_SLOTS ? Codes<4>::bias(slot) : Codes<BITS>::bias(slot - KEY_HIGH_SLOTS);
#else
    return Codes<BITS>::bias(slot);
#endif
}

#endif
