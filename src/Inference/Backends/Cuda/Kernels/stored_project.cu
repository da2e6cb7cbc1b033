// Queries to the channels in which Blocks are stored (stored_work.cuh): grid (KV heads, sequences, 2), 128 threads. Of the second table, that of open Blocks,
// they stay what they are. Each becomes 16-bit floats below 2^8, by a power of two that goes into its scale.
#include "stored_work.cuh"

#define LOG2_E 1.44269504f

extern "C" __global__ void __launch_bounds__(128) project(const __grid_constant__ StoredWork all)
{
    extern __shared__ __align__(16) float shared[];
    const Work& work = all.work;
    const StoredTable& table = blockIdx.z == 0 ? all.table : all.open;
    launch_dependents();
    const StoredHead& head = table.heads[stored_head_of(table, blockIdx.x)];
    const int member = blockIdx.x - head.firstMember, keys = head.channels[0], group = work.group, channels = head.members * HEAD_SIZE;
    float* query = shared;
    float* projected = shared + group * HEAD_SIZE;
    __shared__ u32 greatest[8];
    __shared__ float means[8];
    if (threadIdx.x < 8)
    {
        greatest[threadIdx.x] = __float_as_uint(1e-30f);
        means[threadIdx.x] = 0;
    }

    wait_for_earlier();
    const u64 from = ((u64)blockIdx.y * work.kvHeads + table.members[blockIdx.x]) * group * HEAD_SIZE;
    for (int i = threadIdx.x; i < group * HEAD_SIZE; i += 128)
    {
        query[i] = read_query(work, from + i);
    }

    __syncthreads();
    for (int c = threadIdx.x; c < keys; c += 128)
    {
        float sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        if (head.query < 0)
        {
            for (int i = 0; i < group; i++)
            {
                sum[i] = query[i * HEAD_SIZE + c];
            }
        }
        else
        {
            const float* map = table.maps + head.query + (u64)member * HEAD_SIZE * keys + c;
#pragma unroll 8
            for (int d = 0; d < HEAD_SIZE; d++)
            {
                const float factor = __ldg(map + (u64)d * keys);
#pragma unroll
                for (int i = 0; i < 8; i++)
                {
                    sum[i] = i < group ? fmaf(query[i * HEAD_SIZE + d], factor, sum[i]) : 0.f;
                }
            }
        }

        for (int i = 0; i < group; i++)
        {
            projected[i * keys + c] = sum[i];
            atomicMax(greatest + i, __float_as_uint(fabsf(sum[i])));
        }
    }

    if (head.mean[0] >= 0 && threadIdx.x < 32)
    {
        for (int i = 0; i < group; i++)
        {
            float sum = 0;
            for (int d = threadIdx.x; d < HEAD_SIZE; d += 32)
            {
                sum = fmaf(query[i * HEAD_SIZE + d], table.maps[head.mean[0] + member * HEAD_SIZE + d], sum);
            }

            for (int step = 16; step > 0; step /= 2)
            {
                sum += __shfl_xor_sync(FULL_WARP, sum, step);
            }

            means[i] = sum;
        }
    }

    __syncthreads();
    const int heads = work.kvHeads * group;
    const u64 row = ((u64)blockIdx.z * work.sequences + blockIdx.y) * heads + blockIdx.x * group;
    for (int i = 0; i < group; i++)
    {
        // Brought to below 2^8 by a power of two, so that 16 bits hold it.
        const int exponent = (int)(greatest[i] >> 23);
        const float factor = __uint_as_float((u32)(261 - exponent) << 23);
        for (int c = threadIdx.x; c < keys; c += 128)
        {
            all.queries[(row + i) * all.keyStride + c] = (u16)pack_halves(projected[i * keys + c] * factor, 0);
        }

        if (threadIdx.x == 0)
        {
            const float scale = work.softmaxScale * LOG2_E;
            all.queryScales[row + i] = make_float2(scale * __uint_as_float((u32)(exponent - 7) << 23), scale * means[i]);
        }
    }
}
