// Payloads that tables describe (docs/slab-format.md; PayloadTable of the codec): latent heads, each with runs of codes for K and V, perhaps a residual
// (GEAR), perhaps maps between its channels and those of its KV heads. Offsets are in bytes from the start of the payload, -1 for what there is not.
#ifndef KVCLUSTER_STORED_CUH
#define KVCLUSTER_STORED_CUH
#include "primitives.cuh"

#define PARAMETERS_NONE 0
#define PARAMETERS_TOKEN 1
#define PARAMETERS_CHANNEL 2

// Rows of codes without gaps: of K a row a channel, of V a row a token.
struct StoredRun
{
    int parameters, bits, offset, firstChannel, channels, firstToken, tokens, scale, zero, step, greatest, unused;
};

// E[row][column]: of K rows are channels, of V tokens.
struct StoredResidual
{
    int rows, columns, rank, outliers, slots, scale, left, right, outlierScale, gaps, codes, unused;
};

// A pair is of K and of V.
struct StoredHead
{
    int channels[2];
    int firstRun[2], runs[2];
    int members, firstMember;      // KV heads, in StoredTable.members
    int encode[2];                 // maps, in floats from StoredTable.maps on: [member channels][latent]
    int query;                     // [member channels][latent of K]
    int restore[2];                // [latent][member channels]
    int mean[2];                   // [member channels]
    int latentMean[2];             // [latent]: what the map makes of the negative mean
    int firstSpan, spans;          // what attention copies to shared memory
    int unused;
    StoredResidual residuals[2];   // without ranks and outliers: there is none
};

// Bytes of a payload, at a multiple of 16, and where they lie in shared memory.
struct StoredSpan
{
    int from, to, bytes, unused;
};

// One layer.
struct StoredTable
{
    const StoredHead* heads;
    const StoredRun* runs;
    const int* members;
    const float* maps;
    const StoredSpan* spans;
    int headCount;
    int bytes;                     // of a payload
    int tokens;                    // that are stored
    int chosen;                    // where the set of tokens stored first is
};

// Value of a 16-bit float; infinity and NaN are read as finite (docs/slab-format.md).
DEVICE float stored_half(u32 bits) { return __uint_as_float(((u32)(int)(short)bits << 13) & 0x8fffe000u) * 5.192296858534828e33f; }

// Code `index` of 4 bits in the order of 4-bit codes.
DEVICE int stored_nibble(const u8* from, int index)
{
    const int byte = from[(index >> 4) * 8 + (index & 7)];
    return index & 8 ? byte >> 4 : byte & 15;
}

DEVICE float stored_step(const u8* payload, const StoredRun& run, int channel)
{
    return __uint_as_float((u32)(payload[run.greatest] - 2 * stored_nibble(payload + run.step, channel) + 888) << 20);
}

DEVICE float stored_float(const u8* from)
{
    const u16* p = (const u16*)from;
    return __uint_as_float((u32)p[0] | (u32)p[1] << 16);
}

// A group of 16 codes of up to 8 bits, at a multiple of 2 bytes.
DEVICE void stored_group(const u8* from, int bits, u32 (&code)[16])
{
    const u16* p = (const u16*)from;
    if (bits == 4)
    {
        const u64 w = p[0] | (u64)p[1] << 16 | (u64)p[2] << 32 | (u64)p[3] << 48;
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            code[i] = (u32)(w >> (8 * (i & 7) + (i & 8 ? 4 : 0))) & 15;
        }

        return;
    }

    u64 low = 0, high = 0;
    for (int i = 0; i < bits; i++)
    {
        i < 4 ? low |= (u64)p[i] << (16 * i) : high |= (u64)p[i] << (16 * (i - 4));
    }

    const u32 mask = (1u << bits) - 1;
#pragma unroll
    for (int i = 0; i < 16; i++)
    {
        const int at = bits * i;
        const u64 w = at >= 64 ? high >> (at - 64) : at == 0 ? low : low >> at | high << (64 - at);
        code[i] = (u32)w & mask;
    }
}

#endif
