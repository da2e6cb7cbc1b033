// Decode attention the obvious way: grid (query heads, sequences), HEAD_SIZE threads, one token after another, every value decoded
// as docs/slab-format.md says, all in 32 bits. The oracle of decode_attention.cu; same Work, output written at once.
//
// Any tokenwise payload: SALIENT tokens (of K KEY_SALIENT) of HIGH bits stored first (0: none), the others of BITS; BITS 16 is `raw`.
#include "work.cuh"

#ifndef SALIENT
#define SALIENT 0
#define HIGH BITS
#endif
#ifndef KEY_SALIENT
#define KEY_SALIENT SALIENT
#endif

DEVICE constexpr int channel_bits(int highTokens) { return highTokens * HIGH + (64 - highTokens) * BITS; }

// Code i of a row of `bits`-bit codes.
DEVICE u32 code_at(const u8* row, int bits, int i)
{
    if (bits == 8)
    {
        return row[i];
    }

    if (bits == 4)
    {
        u32 byte = row[(i & ~15) / 2 + (i & 7)];
        return i & 8 ? byte >> 4 : byte & 15;
    }

    u32 code = 0;
    for (int b = 0; b < bits; b++)
    {
        int at = i * bits + b;
        code |= ((row[at >> 3] >> (at & 7)) & 1u) << b;
    }

    return code;
}

// x of K or V (a tensor's payload) of stored token t, channel d of a head.
DEVICE float value_at(const u8* tensor, int kvHeads, int head, int t, int d, bool isKey)
{
    int channels = kvHeads * HEAD_SIZE, highTokens = isKey ? KEY_SALIENT : SALIENT;
    const u8* codes = tensor + 256 + head * (HEAD_SIZE * channel_bits(highTokens) / 8);
    bool high = t < highTokens;
    int bits = high ? HIGH : BITS, count = high ? highTokens : 64 - highTokens, of = high ? t : t - highTokens;
    codes += high ? 0 : HEAD_SIZE * highTokens * HIGH / 8;
    u32 code = isKey ? code_at(codes + d * (count * bits / 8), bits, of) : code_at(codes + of * (HEAD_SIZE * bits / 8), bits, d);
    const u8* steps = tensor + 256 + channels * (channel_bits(highTokens) / 8);
    int step = (int)code_at(steps + head * (HEAD_SIZE / 2), 4, d);
    int greatest = steps[channels / 2 + head];
    float channel = __uint_as_float((u32)(greatest - 2 * step + 888) << 20);
    const u16* parameters = (const u16*)tensor;
    return fmaf((float)code, half_to_float(parameters[t]), half_to_float(parameters[64 + t])) * channel;
}

extern "C" __global__ void __launch_bounds__(HEAD_SIZE) simple_attention(const __grid_constant__ Work work)
{
    const int sequence = blockIdx.y, queryHead = blockIdx.x, head = queryHead / work.group, d = threadIdx.x;
    const u64 index = ((u64)sequence * gridDim.x + queryHead) * HEAD_SIZE + d;
    const float query = read_query(work, index) * work.softmaxScale * 1.44269504f;
    const u32 channels = work.kvHeads * HEAD_SIZE;
    const u32 tensor = value_offset(256 + channels * (channel_bits(KEY_SALIENT) / 8) + channels / 2 + work.kvHeads);
    __shared__ float parts[HEAD_SIZE / 32];
    float most = -1e30f, sum = 0, result = 0;
    for (int unit = work.starts[sequence]; unit < work.starts[sequence + 1]; unit++)
    {
        u32 entry = work.entries[unit], kind = entry & ENTRY_KIND;
        if (kind == ENTRY_PADDING)
        {
            continue;
        }

        bool halves = kind == ENTRY_OPEN || BITS == 16;
        int tokens = kind == ENTRY_OPEN ? work.openTokens[sequence] : 64;
        const u8* block = kind == ENTRY_OPEN ? work.open + (entry & ~ENTRY_KIND) * work.openStride : work.sealed + entry * work.sealedStride;
        const u16* keys = (const u16*)block + (u64)head * 128 * HEAD_SIZE;
        for (int t = 0; t < tokens; t++)
        {
            float k = halves ? half_to_float(keys[d * 64 + t]) : value_at(block, work.kvHeads, head, t, d, true);
            float v = halves ? half_to_float(keys[64 * HEAD_SIZE + t * HEAD_SIZE + d]) : value_at(block + tensor, work.kvHeads, head, t, d, false);
            float x = query * k;
            for (int step = 16; step > 0; step /= 2)
            {
                x += __shfl_xor_sync(FULL_WARP, x, step);
            }

            __syncthreads();
            parts[d / 32] = x;
            __syncthreads();
            x = 0;
            for (int i = 0; i < HEAD_SIZE / 32; i++)
            {
                x += parts[i];
            }

            float high = fmaxf(most, x);
            float shrink = exp2f(most - high), weight = exp2f(x - high);
            sum = sum * shrink + weight;
            result = result * shrink + weight * v;
            most = high;
        }
    }

    write_output(work, index, sum > 0 ? result / sum : 0);
}
