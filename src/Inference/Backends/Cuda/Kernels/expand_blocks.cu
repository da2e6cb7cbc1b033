// Encoded Blocks of one layer to rows of 16-bit floats, for prefill attention: grid (kvHeads, items, 2 for K and V), 128 threads.
//
//   items   entry of the pool (work.cuh), first row, tokens
//   keys    [rows][kvHeads][HEAD_SIZE], values likewise; a Block's rows are in stored order, for K and V alike
//
// Compile with HEAD_SIZE and BITS (SALIENT, HIGH, KEY_SALIENT) as decode_attention.cu.
#include "tiles.cuh"

struct ExpandWork
{
    const u8* sealed;
    const u8* open;
    const int4* items;
    u16* keys;
    u16* values;
    u64 sealedStride;
    u64 openStride;
    int kvHeads;
    int count;
};

#if BITS != 16
DEVICE float code_value(u32 code, float2 token) { return fmaf(__uint_as_float(code | 0x4b000000u) - 8388608.f, token.x, token.y); }

// Two channels of a token, finite.
DEVICE u32 pack_finite(float low, float high)
{
    u32 d;
    asm("{ .reg .b32 most, least; cvt.rn.f16x2.f32 %0, %2, %1; mov.b32 most, 0x7bff7bff; mov.b32 least, 0xfbfffbff; "
        "min.f16x2 %0, %0, most; max.f16x2 %0, %0, least; }"
        : "=r"(d)
        : "f"(low), "f"(high));
    return d;
}

DEVICE void spread_codes(u16* tile, const u8* codes, const float* channels, const float2* tokens)
{
    for (int i = threadIdx.x; i < HEAD_SIZE * 2; i += THREADS)
    {
        const int channel = 2 * (i % (HEAD_SIZE / 2)), group = i / (HEAD_SIZE / 2);
        const float2 scale = *(const float2*)(channels + channel);
        u32 first[16], second[16];
        read_group(codes + key_group_at(channel, group), group < KEY_SALIENT / 16, first);
        read_group(codes + key_group_at(channel + 1, group), group < KEY_SALIENT / 16, second);
#pragma unroll
        for (int t = 0; t < 16; t++)
        {
            const float2 token = tokens[16 * group + t];
            *(u32*)(tile + (16 * group + t) * PITCH + channel) = pack_finite(code_value(first[t], token) * scale.x, code_value(second[t], token) * scale.y);
        }
    }
}

DEVICE void expand_values(u16* rows, u64 stride, const u8* codes, const float* channels, const float2* tokens)
{
    for (int i = threadIdx.x; i < 64 * (HEAD_SIZE / 16); i += THREADS)
    {
        const int token = i / (HEAD_SIZE / 16), group = i % (HEAD_SIZE / 16);
        u32 code[16], pair[8];
        read_group(codes + value_group_at(token, group), token < SALIENT, code);
        const float2 parameters = tokens[token];
#pragma unroll
        for (int c = 0; c < 16; c += 2)
        {
            const float2 scale = *(const float2*)(channels + 16 * group + c);
            pair[c / 2] = pack_finite(code_value(code[c], parameters) * scale.x, code_value(code[c + 1], parameters) * scale.y);
        }

        uint4* to = (uint4*)(rows + token * stride + 16 * group);
        to[0] = make_uint4(pair[0], pair[1], pair[2], pair[3]);
        to[1] = make_uint4(pair[4], pair[5], pair[6], pair[7]);
    }
}
#endif

extern "C" __global__ void __launch_bounds__(THREADS) expand_blocks(const __grid_constant__ ExpandWork work)
{
    __shared__ __align__(16) u16 tile[64 * PITCH];
    wait_for_earlier();
    launch_dependents();
    const int4 item = __ldg(work.items + blockIdx.y);
    const u32 entry = (u32)item.x;
    const int head = blockIdx.x;
    const bool isKey = blockIdx.z == 0, isOpen = (entry & ENTRY_KIND) == ENTRY_OPEN;
    const u64 stride = (u64)work.kvHeads * HEAD_SIZE;
    u16* rows = (isKey ? work.keys : work.values) + item.y * stride + head * HEAD_SIZE;
    const u8* payload = isOpen ? work.open + (entry & ~ENTRY_KIND) * work.openStride : work.sealed + entry * work.sealedStride;
    if (isOpen || BITS == 16)
    {
        const u16* keys = (const u16*)payload + (u64)head * 128 * HEAD_SIZE;
        if (!isKey)
        {
            for (int i = threadIdx.x; i < item.z * (HEAD_SIZE / 8); i += THREADS)
            {
                const int token = i / (HEAD_SIZE / 8), chunk = i % (HEAD_SIZE / 8);
                *(uint4*)(rows + token * stride + 8 * chunk) = *(const uint4*)(keys + 64 * HEAD_SIZE + token * HEAD_SIZE + 8 * chunk);
            }

            return;
        }

        spread_halves(tile, keys);
    }
#if BITS != 16
    else
    {
        __shared__ __align__(8) float channels[HEAD_SIZE];
        __shared__ float2 tokens[64];
        const TensorTable table(work.kvHeads, isKey);
        const u8* tensor = payload + (isKey ? 0 : value_offset(TensorTable(work.kvHeads, true).end));
        for (int i = threadIdx.x; i < HEAD_SIZE; i += THREADS)
        {
            const int byte = tensor[table.steps + head * (HEAD_SIZE / 2) + (i & ~15) / 2 + (i & 7)];
            channels[i] = __uint_as_float((u32)(tensor[table.greatest + head] - 2 * (i & 8 ? byte >> 4 : byte & 15) + 888) << 20);
        }

        if (threadIdx.x < 64)
        {
            const u16* parameters = (const u16*)tensor;
            tokens[threadIdx.x] = make_float2(half_to_float(parameters[threadIdx.x]), half_to_float(parameters[64 + threadIdx.x]));
        }

        __syncthreads();
        const u8* codes = tensor + 256 + head * (isKey ? KEY_CODES : VALUE_CODES);
        if (!isKey)
        {
            expand_values(rows, stride, codes, channels, tokens);
            return;
        }

        spread_codes(tile, codes, channels, tokens);
    }
#endif

    __syncthreads();
    for (int i = threadIdx.x; i < item.z * (HEAD_SIZE / 8); i += THREADS)
    {
        const int token = i / (HEAD_SIZE / 8), chunk = i % (HEAD_SIZE / 8);
        *(uint4*)(rows + token * stride + 8 * chunk) = *(const uint4*)(tile + token * PITCH + 8 * chunk);
    }
}
