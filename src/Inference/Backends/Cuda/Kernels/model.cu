// The forward pass beside matrix products and attention. Compile with HEAD_SIZE (64, 128).
//
//   embed        hidden[row] = table[token[row]]                                      bf16 -> 32 bits; grid (rows)
//   rms_norm     out[i] = x / sqrt(mean(x^2) + epsilon) * weight, x = hidden[row]      32 bits -> bf16; grid (rows)
//   append       q, k: bias, norm of the head, RoPE; k, v to the open Block in 16 bits grid (heads in groups of 8 warps, rows)
//   gate         out = silu(gate + bias) * (up + bias)                                bf16 -> bf16; grid (parts of a row, rows)
//   pick         greatest logit of a row, its first place, and whether all are finite grid (rows)
//   draw         a token of a row by temperature, top-k, top-p and min-p: draw.cuh   grid (rows)
//   fill_random  uniform weights from a hash of their place, for synthetic models     grid (any)
//
// A row is a token of the step. Rows that only fill up a batch have page -1: nothing of them is stored.
#include "primitives.cuh"

#define THREADS 256
#define HALF (HEAD_SIZE / 2)
#define PAIRS (HALF / 32)

DEVICE float brain_low(u32 pair) { return __uint_as_float(pair << 16); }

DEVICE float brain_high(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }

DEVICE u32 pack_brains(float low, float high)
{
    u32 d;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(high), "f"(low));
    return d;
}

DEVICE u16 float_to_half(float x)
{
    u16 d;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(d) : "f"(x));
    return d;
}

DEVICE float warp_sum(float x)
{
#pragma unroll
    for (int step = 16; step > 0; step /= 2)
    {
        x += __shfl_xor_sync(FULL_WARP, x, step);
    }

    return x;
}

struct Embed
{
    const u16* table;   // [vocabulary][width]
    const int* tokens;  // [rows]
    float* hidden;      // [rows][width]
    int width;          // even
};

extern "C" __global__ void __launch_bounds__(THREADS) embed(const __grid_constant__ Embed work)
{
    wait_for_earlier();
    launch_dependents();
    const u32* from = (const u32*)(work.table + (u64)work.tokens[blockIdx.x] * work.width);
    float2* to = (float2*)(work.hidden + (u64)blockIdx.x * work.width);
    for (int i = threadIdx.x; i < work.width / 2; i += THREADS)
    {
        u32 pair = __ldg(from + i);
        to[i] = make_float2(brain_low(pair), brain_high(pair));
    }
}

struct Norm
{
    float* hidden;        // [rows][width]; without `rows` bias is added to it for good
    const float* bias;    // [width], or null
    const float* weight;  // [width]
    const int* rows;      // row of each block, or null: its own
    u16* out;             // [blocks][width]
    int width;            // a multiple of 4
    float epsilon;
};

extern "C" __global__ void __launch_bounds__(THREADS) rms_norm(const __grid_constant__ Norm work)
{
    __shared__ float parts[THREADS / 32];
    wait_for_earlier();
    launch_dependents();
    const int row = work.rows ? work.rows[blockIdx.x] : blockIdx.x;
    float4* x = (float4*)(work.hidden + (u64)row * work.width);
    float sum = 0;
    for (int i = threadIdx.x; i < work.width / 4; i += THREADS)
    {
        float4 v = x[i];
        if (work.bias)
        {
            float4 b = __ldg((const float4*)work.bias + i);
            v = make_float4(v.x + b.x, v.y + b.y, v.z + b.z, v.w + b.w);
            if (!work.rows)
            {
                x[i] = v;
            }
        }

        sum = fmaf(v.x, v.x, fmaf(v.y, v.y, fmaf(v.z, v.z, fmaf(v.w, v.w, sum))));
    }

    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0)
    {
        parts[threadIdx.x / 32] = sum;
    }

    __syncthreads();
    sum = 0;
#pragma unroll
    for (int i = 0; i < THREADS / 32; i++)
    {
        sum += parts[i];
    }

    const float scale = rsqrtf(sum / work.width + work.epsilon);
    uint2* to = (uint2*)(work.out + (u64)blockIdx.x * work.width);
    for (int i = threadIdx.x; i < work.width / 4; i += THREADS)
    {
        float4 v = x[i], w = __ldg((const float4*)work.weight + i);
        if (work.bias && work.rows)
        {
            float4 b = __ldg((const float4*)work.bias + i);
            v = make_float4(v.x + b.x, v.y + b.y, v.z + b.z, v.w + b.w);
        }

        to[i] = make_uint2(pack_brains(v.x * scale * w.x, v.y * scale * w.y), pack_brains(v.z * scale * w.z, v.w * scale * w.w));
    }
}

#include "append.cuh"

struct Gate
{
    const u16* gateUp;  // [rows][2][width]
    const float* bias;  // [2][width], or null
    u16* out;           // [rows][width]
    int width;          // a multiple of 8
};

DEVICE float silu_times(float gate, float up) { return up * gate / (1 + __expf(-gate)); }

extern "C" __global__ void __launch_bounds__(THREADS) gate(const __grid_constant__ Gate work)
{
    wait_for_earlier();
    launch_dependents();
    const int i = 8 * (blockIdx.x * THREADS + threadIdx.x);
    if (i >= work.width)
    {
        return;
    }

    const u16* row = work.gateUp + (u64)blockIdx.y * 2 * work.width + i;
    uint4 gates = *(const uint4*)row, ups = *(const uint4*)(row + work.width);
    const u32 *g = &gates.x, *u = &ups.x;
    u32 out[4];
#pragma unroll
    for (int j = 0; j < 4; j++)
    {
        float g0 = brain_low(g[j]), g1 = brain_high(g[j]), u0 = brain_low(u[j]), u1 = brain_high(u[j]);
        if (work.bias)
        {
            const float* b = work.bias + i + 2 * j;
            g0 += b[0];
            g1 += b[1];
            u0 += b[work.width];
            u1 += b[work.width + 1];
        }

        out[j] = pack_brains(silu_times(g0, u0), silu_times(g1, u1));
    }

    *(uint4*)(work.out + (u64)blockIdx.y * work.width + i) = make_uint4(out[0], out[1], out[2], out[3]);
}

struct Pick
{
    const float* logits;  // [rows][stride]
    int2* picked;         // [rows]: the token, and 1 when all logits are finite
    int vocabulary;
    int stride;
};

extern "C" __global__ void __launch_bounds__(1024) pick(const __grid_constant__ Pick work)
{
    __shared__ float greatest[32];
    __shared__ int places[32];
    __shared__ int finites[32];
    wait_for_earlier();
    launch_dependents();
    const float* logits = work.logits + (u64)blockIdx.x * work.stride;
    float most = -__uint_as_float(0x7f800000u);
    int place = 0x7fffffff, finite = 1;
    for (int i = threadIdx.x; i < work.vocabulary; i += 1024)
    {
        float x = logits[i];
        finite &= (__float_as_uint(x) & 0x7f800000u) != 0x7f800000u;
        if (x > most)
        {
            most = x;
            place = i;
        }
    }

    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int round = 0; round < 2; round++)
    {
#pragma unroll
        for (int step = 16; step > 0; step /= 2)
        {
            float other = __shfl_xor_sync(FULL_WARP, most, step);
            int otherPlace = __shfl_xor_sync(FULL_WARP, place, step);
            finite &= __shfl_xor_sync(FULL_WARP, finite, step);
            if (other > most || (other == most && otherPlace < place))
            {
                most = other;
                place = otherPlace;
            }
        }

        if (round == 0)
        {
            if (lane == 0)
            {
                greatest[warp] = most;
                places[warp] = place;
                finites[warp] = finite;
            }

            __syncthreads();
            most = greatest[lane];
            place = places[lane];
            finite = finites[lane];
        }
    }

    if (threadIdx.x == 0)
    {
        work.picked[blockIdx.x] = make_int2(place < work.vocabulary ? place : 0, finite);
    }
}

#include "draw.cuh"

struct Fill
{
    u16* to;  // bf16
    u64 count;
    u64 seed;
    float scale;  // values are uniform in (-scale, scale)
};

extern "C" __global__ void __launch_bounds__(THREADS) fill_random(const __grid_constant__ Fill work)
{
    for (u64 i = (u64)blockIdx.x * THREADS + threadIdx.x; i < work.count; i += (u64)gridDim.x * THREADS)
    {
        u64 x = (i + work.seed) * 0x9e3779b97f4a7c15ull;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
        float uniform = (float)(int)(u32)(x >> 32) * 0x1p-31f * work.scale;
        work.to[i] = (u16)(pack_brains(uniform, 0) & 0xffff);
    }
}
