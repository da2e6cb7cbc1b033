// `rms_norm` of model.cu: takes in what the product before it adds to the residual stream, and norms that.
#pragma once

struct Norm
{
    float* hidden;        // [rows][width]; without `rows` what is added and bias are added to it for good
    const u16* added;     // [rows][width], or null
    const float* bias;    // [width], or null
    const float* weight;  // [width]
    const int* rows;      // row of each block, or null: its own
    u16* out;             // [blocks][width]
    int width;            // a multiple of 4
    float epsilon;
};

// Four values a thread and turn; so many turns stay in registers from the sum to the result.
#define KEPT 4

extern "C" __global__ void __launch_bounds__(THREADS) rms_norm(const __grid_constant__ Norm work)
{
    __shared__ float parts[THREADS / 32];
    wait_for_earlier();
    launch_dependents();
    const int row = work.rows ? work.rows[blockIdx.x] : blockIdx.x, quads = work.width / 4;
    float4* x = (float4*)(work.hidden + (u64)row * work.width);
    const uint2* added = (const uint2*)(work.added + (u64)row * work.width);
    auto value = [&](int i)
    {
        float4 v = x[i];
        if (work.added)
        {
            const uint2 a = added[i];
            v = make_float4(v.x + brain_low(a.x), v.y + brain_high(a.x), v.z + brain_low(a.y), v.w + brain_high(a.y));
        }

        if (work.bias)
        {
            const float4 b = __ldg((const float4*)work.bias + i);
            v = make_float4(v.x + b.x, v.y + b.y, v.z + b.z, v.w + b.w);
        }

        return v;
    };
    float4 kept[KEPT];
    float sum = 0;
#pragma unroll
    for (int k = 0; k < KEPT; k++)
    {
        const int i = threadIdx.x + k * THREADS;
        kept[k] = i < quads ? value(i) : make_float4(0, 0, 0, 0);
    }

    const auto square = [](float4 v, float sum) { return fmaf(v.x, v.x, fmaf(v.y, v.y, fmaf(v.z, v.z, fmaf(v.w, v.w, sum)))); };
#pragma unroll
    for (int k = 0; k < KEPT; k++)
    {
        sum = square(kept[k], sum);
    }

    for (int i = threadIdx.x + KEPT * THREADS; i < quads; i += THREADS)
    {
        sum = square(value(i), sum);
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
    const bool stays = !work.rows && (work.added || work.bias);
    uint2* to = (uint2*)(work.out + (u64)blockIdx.x * work.width);
    auto finish = [&](int i, float4 v)
    {
        const float4 w = __ldg((const float4*)work.weight + i);
        to[i] = make_uint2(pack_brains(v.x * scale * w.x, v.y * scale * w.y), pack_brains(v.z * scale * w.z, v.w * scale * w.w));
        if (stays)
        {
            x[i] = v;
        }
    };
#pragma unroll
    for (int k = 0; k < KEPT; k++)
    {
        const int i = threadIdx.x + k * THREADS;
        if (i < quads)
        {
            finish(i, kept[k]);
        }
    }

    for (int i = threadIdx.x + KEPT * THREADS; i < quads; i += THREADS)
    {
        finish(i, value(i));
    }
}
