// Merges what chunks left of each Sequence (stored_attention.cu), maps it back to the channels of its head, and merges it with the open Block's: grid (KV
// heads, sequences, query heads of a KV head), 128 threads, shared memory for most channels of V and for all chunks.
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
    const int i = blockIdx.z, firstChunk = first / length, count = first <= last ? last / length - firstChunk + 1 : 0;
    const u64 query = (u64)blockIdx.x * group + i;
    float* weights = shared + values;
    __shared__ float reduced[4];

    // Weights of the chunks, relative to the greatest logit of all.
    float most = NOTHING, sum = 0;
    for (int c = threadIdx.x; c < count; c += 128)
    {
        weights[c] = work.states[(u64)(firstChunk + c + sequence) * heads + query].x;
        most = fmaxf(most, weights[c]);
    }

    most = max_over_columns(max_over_rows(most));
    if ((threadIdx.x & 31) == 0)
    {
        reduced[threadIdx.x / 32] = most;
    }

    __syncthreads();
    most = fmaxf(fmaxf(reduced[0], reduced[1]), fmaxf(reduced[2], reduced[3]));
    for (int c = threadIdx.x; c < count; c += 128)
    {
        weights[c] = exp2_fast(weights[c] - most);
    }

    __syncthreads();
#pragma unroll 4
    for (int c = 0; c < count; c++)
    {
        sum = fmaf(work.states[(u64)(firstChunk + c + sequence) * heads + query].y, weights[c], sum);
    }

    for (int channel = threadIdx.x; channel < values; channel += 128)
    {
        float merged = 0;
        const float* partial = work.partials + ((u64)(firstChunk + sequence) * heads + query) * all.valueStride + channel;
#pragma unroll 8
        for (int c = 0; c < count; c++)
        {
            merged = fmaf(partial[(u64)c * heads * all.valueStride], weights[c], merged);
        }

        shared[channel] = merged;
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
