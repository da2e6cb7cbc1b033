// Merges what chunks left of each Sequence: grid (query heads, sequences), HEAD_SIZE times 1 to MAX_PARTS threads, a channel and a share of the
// chunks each: more where few blocks of threads have many chunks to go through.
//   out = sum 2^(most_i - most) * partial_i / sum 2^(most_i - most) * sum_i
#include "work.cuh"

#define MAX_PARTS 8

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

extern "C" __global__ void __launch_bounds__(HEAD_SIZE * MAX_PARTS) combine(const __grid_constant__ Work work)
{
    launch_dependents();
    wait_for_earlier();
    const int parts = blockDim.x / HEAD_SIZE;
    const int sequence = blockIdx.y, head = blockIdx.x, heads = gridDim.x, channel = threadIdx.x % HEAD_SIZE, part = threadIdx.x / HEAD_SIZE;
    const int first = __ldg(work.starts + sequence), last = __ldg(work.starts + sequence + 1) - 1;
    const u64 to = ((u64)sequence * heads + head) * HEAD_SIZE + channel;
    Merged merged;
    if (first <= last)
    {
        const int length = chunk_length(work, __ldg(work.starts + work.sequences)), until = last / length;
#pragma unroll 8
        for (int chunk = first / length + part; chunk <= until; chunk += parts)
        {
            u64 row = (u64)(chunk + sequence) * heads + head;
            merged.add(work.states[row], work.partials[row * HEAD_SIZE + channel]);
        }
    }

    __shared__ float2 states[MAX_PARTS];
    __shared__ float results[MAX_PARTS][HEAD_SIZE];
    if (parts > 1)
    {
        if (channel == 0)
        {
            states[part] = make_float2(merged.most, merged.sum);
        }

        results[part][channel] = merged.result;
        __syncthreads();
        for (int i = 1; part == 0 && i < parts; i++)
        {
            merged.add(states[i], results[i][channel]);
        }
    }

    if (part == 0)
    {
        // A Sequence without tokens sums to 0. NaN goes on, so that its logits tell.
        write_output(work, to, merged.sum != 0 ? merged.result / merged.sum : 0);
    }
}
