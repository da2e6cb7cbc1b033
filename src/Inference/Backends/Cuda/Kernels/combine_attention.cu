// Merges what chunks left of each Sequence: grid (query heads, sequences), HEAD_SIZE threads, one a channel.
//   out = sum 2^(most_i - most) * partial_i / sum 2^(most_i - most) * sum_i
#include "work.cuh"

extern "C" __global__ void __launch_bounds__(HEAD_SIZE) combine(const __grid_constant__ Work work)
{
    launch_dependents();
    wait_for_earlier();
    const int sequence = blockIdx.y, head = blockIdx.x, heads = gridDim.x, channel = threadIdx.x;
    const int first = __ldg(work.starts + sequence), last = __ldg(work.starts + sequence + 1) - 1;
    const u64 to = ((u64)sequence * heads + head) * HEAD_SIZE + channel;
    if (last < first)
    {
        write_output(work, to, 0);
        return;
    }

    const int total = __ldg(work.starts + work.sequences);
    const int length = chunk_length(work, total), from = first / length, until = last / length;
    float most = -1e30f, sum = 0, result = 0;
#pragma unroll 4
    for (int chunk = from; chunk <= until; chunk++)
    {
        u64 row = (u64)(chunk + sequence) * heads + head;
        float2 state = work.states[row];
        float partial = work.partials[row * HEAD_SIZE + channel];
        float high = fmaxf(most, state.x);
        float shrink = exp2_fast(most - high), weight = exp2_fast(state.x - high);
        sum = fmaf(sum, shrink, state.y * weight);
        result = fmaf(result, shrink, partial * weight);
        most = high;
    }

    write_output(work, to, result / sum);
}
