// Payloads of `raw` for Blocks of one layer: grid (kvHeads, items, 2 for K and V); encode.cuh has the shapes. Compile with HEAD_SIZE and BITS 16.
#include "encode.cuh"

extern "C" __global__ void __launch_bounds__(THREADS) write_codes(const __grid_constant__ EncodeWork work)
{
    __shared__ __align__(16) u16 tile[64 * PITCH];
    const int head = blockIdx.x, tensor = blockIdx.z;
    wait_for_earlier();
    launch_dependents();
    const EncodeItem item = work.items[blockIdx.y];
    const u32 offset = (2 * head + tensor) * KEY_CODES;
    const Destinations to(work, item, offset, offset);
    Chunks x;
    load_tile(x, work, item, tensor == 0, head, tile);
    if (tensor != 0)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            to.write(2 * (Chunks::token(i) * HEAD_SIZE + Chunks::channel()), make_uint4(x.w[i][0], x.w[i][1], x.w[i][2], x.w[i][3]));
        }

        return;
    }

    x.write(tile);
    __syncthreads();
    for (int i = threadIdx.x; i < HEAD_SIZE * 8; i += THREADS)
    {
        const int channel = i / 8, first = i % 8 * 8;
        u32 words[4];
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            words[j] = tile[(first + 2 * j) * PITCH + channel] | (u32)tile[(first + 2 * j + 1) * PITCH + channel] << 16;
        }

        to.write(2 * (channel * 64 + first), make_uint4(words[0], words[1], words[2], words[3]));
    }
}
