// Merges what chunks left of each Sequence (stored_attention.cu), maps it back to the channels of its head, and merges it with the open Block's: grid (KV
// heads, sequences, query heads of a KV head), 128 threads.
//   out = (restore (sum of partials) + sum of weights * mean + open) / sum of all weights
#include "stored_work.cuh"

extern "C" __global__ void __launch_bounds__(128) combine(const __grid_constant__ StoredWork all)
{
    extern __shared__ __align__(16) float shared[];
    const Work& work = all.work;
    const StoredTable& table = all.table;
    launch_dependents();
    const StoredHead& head = table.heads[stored_head_of(table, blockIdx.x)];
    const int member = blockIdx.x - head.firstMember, values = head.channels[1], group = work.group, heads = work.kvHeads * group;
    const int kvHead = table.members[blockIdx.x], sequence = blockIdx.y;
    const int first = __ldg(work.starts + sequence), last = __ldg(work.starts + sequence + 1) - 1;
    const int openTokens = __ldg(work.openTokens + sequence);
    const int length = chunk_length(work, __ldg(work.starts + work.sequences));
    wait_for_earlier();
    const int i = blockIdx.z;
    float most = NOTHING, sum = 0;
    const u64 query = (u64)blockIdx.x * group + i;
    for (int c = threadIdx.x; c < values || c < 128; c += 128)
    {
        float merged = 0;
        most = NOTHING;
        sum = 0;
        for (int chunk = first <= last ? first / length : 1; first <= last && chunk <= last / length; chunk++)
        {
            const u64 row = (u64)(chunk + sequence) * heads + query;
            const float2 state = work.states[row];
            const float high = fmaxf(most, state.x), shrink = exp2_fast(most - high), weight = exp2_fast(state.x - high);
            sum = fmaf(sum, shrink, state.y * weight);
            merged = c < values ? fmaf(merged, shrink, work.partials[row * all.valueStride + c] * weight) : 0.f;
            most = high;
        }

        if (c < values)
        {
            shared[c] = merged;
        }
    }

    __syncthreads();
    const u64 openRow = (u64)sequence * heads + (u64)kvHead * group + i;
    const float2 open = openTokens > 0 ? all.openStates[openRow] : make_float2(NOTHING, 0);
    const float high = fmaxf(most, open.x), weight = exp2_fast(most - high), openWeight = exp2_fast(open.x - high);
    const float total = fmaf(sum, weight, open.y * openWeight);
    for (int d = threadIdx.x; d < HEAD_SIZE; d += 128)
    {
        const int channel = member * HEAD_SIZE + d, channels = head.members * HEAD_SIZE;
        float result;
        if (head.restore[1] < 0)
        {
            result = shared[d];
        }
        else
        {
            const float* map = table.maps + head.restore[1] + channel;
            result = head.mean[1] < 0 ? 0.f : sum * table.maps[head.mean[1] + channel];
#pragma unroll 8
            for (int c = 0; c < values; c++)
            {
                result = fmaf(shared[c], __ldg(map + (u64)c * channels), result);
            }
        }

        result *= weight;
        result = openTokens > 0 ? fmaf(all.openPartials[openRow * HEAD_SIZE + d], openWeight, result) : result;

        // A Sequence without tokens sums to 0. NaN goes on, so that its logits tell.
        write_output(work, openRow * HEAD_SIZE + d, total != 0 ? result / total : 0);
    }
}
