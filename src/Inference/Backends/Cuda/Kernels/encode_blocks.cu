// Encodes Blocks of one layer to payloads (docs/slab-format.md), the same bytes as the codec on the CPU: encode.cuh has the shapes.
//
//   find_ranges  grid (kvHeads, items, 2 for K and V): channel scales, each token's range over the head, and of `zipcache` the attention that
//                probes pay to each token of the Block
//   write_codes  the same grid: ranges over all heads, the choice of salient tokens, codes
//
// Compile with HEAD_SIZE and BITS (SALIENT, HIGH, KEY_SALIENT) as decode_attention.cu, `raw` apart (encode_raw.cu). Every operation rounds once, none are contracted.
#include "affine.cuh"
#include "saliency.cuh"

extern "C" __global__ void __launch_bounds__(THREADS) find_ranges(const __grid_constant__ EncodeWork work)
{
    __shared__ __align__(16) u16 tile[64 * PITCH];
    __shared__ float maxima[THREADS / 32][HEAD_SIZE];
    __shared__ float inverses[HEAD_SIZE];
    __shared__ u8 steps[HEAD_SIZE];
    __shared__ int greatest;
    const int head = blockIdx.x, tensor = blockIdx.z, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (threadIdx.x == 0)
    {
        greatest = 0;
    }

    wait_for_earlier();
    launch_dependents();
    const EncodeItem item = work.items[blockIdx.y];
    const Scratch scratch(work, blockIdx.y);
    const TensorTable table(work.kvHeads, tensor == 0), keys(work.kvHeads, true);
    const Destinations to(work, item, tensor * keys.size, tensor * value_offset(keys.end));
    Chunks x;
    load_tile(x, work, item, tensor == 0, head, tile);
#pragma unroll
    for (int c = 0; c < 8; c++)
    {
        float most = 0;
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            most = fmaxf(most, fabsf(x.value(i, c)));
        }

#pragma unroll
        for (int other = CHUNKS; other < 32; other *= 2)
        {
            most = fmaxf(most, __shfl_xor_sync(FULL_WARP, most, other));
        }

        if (lane < CHUNKS)
        {
            maxima[warp][8 * lane + c] = most;
        }
    }

#if SALIENT
    if (tensor == 0)
    {
        x.write(tile);
    }
#endif
    __syncthreads();
    int number = 0;
    if (threadIdx.x < HEAD_SIZE)
    {
        float most = 0;
#pragma unroll
        for (int i = 0; i < THREADS / 32; i++)
        {
            most = fmaxf(most, maxima[i][threadIdx.x]);
        }

        number = scale_number(__fsqrt_rn(most));
        atomicMax(&greatest, number);
    }

    __syncthreads();
    if (threadIdx.x < HEAD_SIZE)
    {
        const int step = min((greatest - number) >> 1, 15);
        steps[threadIdx.x] = (u8)step;
        const float inverse = __fdiv_rn(1.f, __uint_as_float((u32)(greatest - 2 * step + 888) << 20));
        inverses[threadIdx.x] = inverse;
        scratch.inverses(tensor, head)[threadIdx.x] = inverse;
    }

    __syncthreads();
    if (threadIdx.x < HEAD_SIZE / 2)
    {
        const int first = threadIdx.x / 8 * 16 + threadIdx.x % 8;
        to.write(table.steps + head * (HEAD_SIZE / 2) + threadIdx.x, (u8)(steps[first] | steps[first + 8] << 4));
    }

    if (threadIdx.x == 0)
    {
        to.write(table.greatest + head, (u8)greatest);
    }

    if (head == 0 && threadIdx.x < table.size - table.end)
    {
        to.write(table.end + threadIdx.x, (u8)0);
    }

#pragma unroll
    for (int i = 0; i < EACH; i++)
    {
        float low = 3.4e38f, high = -3.4e38f;
#pragma unroll
        for (int c = 0; c < 8; c++)
        {
            const float n = __fmul_rn(x.value(i, c), inverses[Chunks::channel() + c]);
            low = fminf(low, n);
            high = fmaxf(high, n);
        }

#pragma unroll
        for (int other = 1; other < CHUNKS; other *= 2)
        {
            low = fminf(low, __shfl_xor_sync(FULL_WARP, low, other));
            high = fmaxf(high, __shfl_xor_sync(FULL_WARP, high, other));
        }

        if (lane % CHUNKS == 0)
        {
            scratch.ranges(tensor, head)[Chunks::token(i)] = make_float2(low, high);
        }
    }

#if SALIENT
    if (tensor == 0)
    {
        find_attention(work, item, head, tile, scratch.attention(head));
    }
#endif
}

#define CODE_PITCH (HEAD_SIZE + 8)

extern "C" __global__ void __launch_bounds__(THREADS) write_codes(const __grid_constant__ EncodeWork work)
{
    // The tile of an open Block is read before codes are there.
    __shared__ __align__(16) u16 tile[64 * PITCH];
    u8* codes = (u8*)tile;
    u8* packed = codes + 64 * CODE_PITCH;
    static_assert(64 * CODE_PITCH + KEY_CODES <= 64 * PITCH * 2 && VALUE_CODES <= KEY_CODES, "codes of 8 bits or less");
    __shared__ float2 tokens[64];
    __shared__ u8 stored[64];
    const int head = blockIdx.x, tensor = blockIdx.z;
    wait_for_earlier();
    launch_dependents();
    const EncodeItem item = work.items[blockIdx.y];
    const Scratch scratch(work, blockIdx.y);
    const TensorTable table(work.kvHeads, tensor == 0), keys(work.kvHeads, true);
    const Destinations to(work, item, tensor * keys.size, tensor * value_offset(keys.end));
    Chunks x;
    load_tile(x, work, item, tensor == 0, head, tile);
    float inverses[8];
#pragma unroll
    for (int c = 0; c < 8; c++)
    {
        inverses[c] = scratch.inverses(tensor, head)[Chunks::channel() + c];
    }

    const int t = threadIdx.x, highTokens = tensor == 0 ? KEY_SALIENT : SALIENT;
    int place = t;
#if SALIENT
    const u64 salient = choose_tokens(work, item, scratch);
    place = stored_place(salient, t);
    if (head == 0 && tensor == 0 && t == 0 && item.slab >= 0)
    {
        *(u64*)(to.places[0] + keys.size + TensorTable(work.kvHeads, false).size) = salient;
    }
#endif
    if (t < 64)
    {
        float2 range = scratch.ranges(tensor, 0)[t];
        for (int other = 1; other < work.kvHeads; other++)
        {
            const float2 more = scratch.ranges(tensor, other)[t];
            range = make_float2(fminf(range.x, more.x), fmaxf(range.y, more.y));
        }

        const TokenParameters parameters(range, (float)((1 << (place < highTokens ? HIGH : BITS)) - 1));
        tokens[t] = make_float2(parameters.low, parameters.inverseStep);
        stored[t] = (u8)place;
        if (head == 0)
        {
            to.write(2 * place, (u16)parameters.scale);
            to.write(128 + 2 * place, (u16)parameters.zero);
        }
    }

    __syncthreads();
#pragma unroll
    for (int i = 0; i < EACH; i++)
    {
        const float2 token = tokens[Chunks::token(i)];
        const int row = stored[Chunks::token(i)];
        const float maxCode = (float)((1 << (row < highTokens ? HIGH : BITS)) - 1);
        u32 words[2] = {0, 0};
#pragma unroll
        for (int c = 0; c < 8; c++)
        {
            const float steps = __fmul_rn(__fsub_rn(__fmul_rn(x.value(i, c), inverses[c]), token.x), token.y);
            const u32 code = __float_as_uint(__fadd_rn(fminf(fmaxf(steps, 0.f), maxCode), 12582912.f)) & 255;
            words[c / 4] |= code << (8 * (c % 4));
        }

        *(uint2*)(codes + row * CODE_PITCH + Chunks::channel()) = make_uint2(words[0], words[1]);
    }

    __syncthreads();
    for (int i = threadIdx.x; i < HEAD_SIZE * 4; i += THREADS)
    {
        const int row = tensor == 0 ? i % HEAD_SIZE : i / (HEAD_SIZE / 16), group = tensor == 0 ? i / HEAD_SIZE : i % (HEAD_SIZE / 16);
        u32 code[16];
#pragma unroll
        for (int j = 0; j < 16; j++)
        {
            code[j] = tensor == 0 ? codes[(16 * group + j) * CODE_PITCH + row] : codes[row * CODE_PITCH + 16 * group + j];
        }

        const int at = tensor == 0 ? key_group_at(row, group) : value_group_at(row, group);
        write_group(packed + at, (tensor == 0 ? 16 * group : row) < highTokens, code);
    }

    __syncthreads();
    const int bytes = tensor == 0 ? KEY_CODES : VALUE_CODES;
    for (int i = threadIdx.x; i < bytes / 16; i += THREADS)
    {
        to.write(256 + head * bytes + 16 * i, ((const uint4*)packed)[i]);
    }
}
