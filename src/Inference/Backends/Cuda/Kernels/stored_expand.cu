// Blocks whose payloads tables describe (stored.cuh) to rows of 16-bit floats, for prefill attention: grid (latent heads, items, 2 for K and V), 128 threads.
//
//   items   place in the pool, first row, tokens
//   keys    [rows][kvHeads][HEAD_SIZE], values likewise; a Block's rows are in stored order, for K and V alike
#include "stored_tile.cuh"

#define TOKEN_PITCH 72

struct StoredExpandWork
{
    StoredTable table;
    const u8* sealed;
    const int4* items;
    u16* keys;
    u16* values;
    u64 sealedStride;
    int kvHeads;
    int count;
};

// Eight tokens of eight channels of a member: latent channels times the map, from [latent][member channels] on.
DEVICE void restore(const u16* tile, int pitch, bool isKey, const StoredTable& table, const StoredHead& head, int which, int channel, int token, float (&result)[8][8])
{
    const int latents = head.channels[which], channels = head.members * HEAD_SIZE;
#pragma unroll
    for (int d = 0; d < 8; d++)
    {
        const float mean = head.mean[which] < 0 ? 0.f : table.maps[head.mean[which] + channel + d];
#pragma unroll
        for (int t = 0; t < 8; t++)
        {
            result[t][d] = mean;
        }
    }

    const float4* map = (const float4*)(table.maps + head.restore[which] + channel);
    for (int c = 0; c < latents; c++, map += channels / 4)
    {
        const float4 low = __ldg(map), high = __ldg(map + 1);
        const float factor[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
        for (int t = 0; t < 8; t++)
        {
            const float x = half_to_float(isKey ? tile[c * pitch + token + t] : tile[(token + t) * pitch + c]);
#pragma unroll
            for (int d = 0; d < 8; d++)
            {
                result[t][d] = fmaf(x, factor[d], result[t][d]);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(128) stored_expand(const __grid_constant__ StoredExpandWork work)
{
    extern __shared__ __align__(128) u8 memory[];
    wait_for_earlier();
    launch_dependents();
    const int4 item = __ldg(work.items + blockIdx.y);
    const int which = blockIdx.z;
    const bool isKey = which == 0;
    const StoredHead& head = work.table.heads[blockIdx.x];
    const int latents = head.channels[which], pitch = isKey ? TOKEN_PITCH : latents + 8;
    u16* tile = (u16*)memory;
    const u8* payload = work.sealed + (u32)item.x * work.sealedStride;
    Residue residue(payload, head.residuals[which], tile + (isKey ? latents * TOKEN_PITCH : 64 * pitch));
    __syncthreads();
    stored_tile(tile, pitch, payload, head, work.table.runs + head.firstRun[0], which, residue);
    __syncthreads();
    if (residue.slots > 0)
    {
        residue.add_outliers(tile, pitch, payload, head.residuals[which]);
        __syncthreads();
    }

    const u64 stride = (u64)work.kvHeads * HEAD_SIZE;
    u16* rows = (isKey ? work.keys : work.values) + item.y * stride;
    for (int i = threadIdx.x; i < head.members * (HEAD_SIZE / 8) * 8; i += 128)
    {
        const int channel = 8 * (i % (head.members * (HEAD_SIZE / 8))), token = 8 * (i / (head.members * (HEAD_SIZE / 8)));
        u16* to = rows + token * stride + work.table.members[head.firstMember + channel / HEAD_SIZE] * HEAD_SIZE + channel % HEAD_SIZE;
        float result[8][8];
        if (head.restore[which] >= 0)
        {
            restore(tile, pitch, isKey, work.table, head, which, channel, token, result);
        }
        else
        {
#pragma unroll
            for (int t = 0; t < 8; t++)
            {
#pragma unroll
                for (int d = 0; d < 8; d++)
                {
                    result[t][d] = half_to_float(isKey ? tile[(channel + d) * pitch + token + t] : tile[(token + t) * pitch + channel + d]);
                }
            }
        }

#pragma unroll
        for (int t = 0; t < 8; t++)
        {
            if (token + t < item.z)
            {
                *(uint4*)(to + t * stride) = make_uint4(
                    stored_pack(result[t][0], result[t][1]), stored_pack(result[t][2], result[t][3]), stored_pack(result[t][4], result[t][5]), stored_pack(result[t][6], result[t][7]));
            }
        }
    }
}
