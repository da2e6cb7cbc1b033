// Merges what chunks left of each Sequence: grid (query heads, sequences), HEAD_SIZE * PARTS threads, a channel and a share of the chunks each.
//   out = sum 2^(most_i - most) * partial_i / sum 2^(most_i - most) * sum_i
#include "work.cuh"

#define PARTS 4

struct Merged
{
    float most = -1e30f, sum = 0, result = 0;

    DEVICE void add(float2 state, float partial)
    {
        float high = fmaxf(most, state.x);
        float shrink = exp2_fast(most - high), weight = exp2_fast(state.x - high);
        sum = fmaf(sum, shrink, state.y * weight);
        result = fmaf(result, shrink, partial * weight);
        most = high;
    }
};

extern "C" __global__ void __launch_bounds__(HEAD_SIZE * PARTS) combine(const __grid_constant__ Work work)
{
    launch_dependents();
    wait_for_earlier();
    const int sequence = blockIdx.y, head = blockIdx.x, heads = gridDim.x, channel = threadIdx.x % HEAD_SIZE, part = threadIdx.x / HEAD_SIZE;
    const int first = __ldg(work.starts + sequence), last = __ldg(work.starts + sequence + 1) - 1;
    const u64 to = ((u64)sequence * heads + head) * HEAD_SIZE + channel;
    Merged merged;
    if (first <= last)
    {
        const int length = chunk_length(work, __ldg(work.starts + work.sequences)), until = last / length;
#pragma unroll 8
        for (int chunk = first / length + part; chunk <= until; chunk += PARTS)
        {
            u64 row = (u64)(chunk + sequence) * heads + head;
            merged.add(work.states[row], work.partials[row * HEAD_SIZE + channel]);
        }
    }

    __shared__ float2 states[PARTS];
    __shared__ float results[PARTS][HEAD_SIZE];
    if (channel == 0)
    {
        states[part] = make_float2(merged.most, merged.sum);
    }

    results[part][channel] = merged.result;
    __syncthreads();
    if (part == 0)
    {
#pragma unroll
        for (int i = 1; i < PARTS; i++)
        {
            merged.add(states[i], results[i][channel]);
        }

        write_output(work, to, merged.sum > 0 ? merged.result / merged.sum : 0);
    }
}
