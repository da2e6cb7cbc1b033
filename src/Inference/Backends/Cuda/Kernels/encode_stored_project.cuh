// Latent heads: latent[r] = mean[r] + sum of x[c] * map[c][r], one chain of fused multiply-adds over the channels c of the head's KV heads, as the codec's.
#ifndef KVCLUSTER_ENCODE_STORED_PROJECT_CUH
#define KVCLUSTER_ENCODE_STORED_PROJECT_CUH
#include "encode_stored.cuh"

#define PROJECT_THREADS 128

// Latent channels of a block of threads; a thread has 8 tokens of 4.
#define SLICE 64

// Channels that are in shared memory together.
#define DEPTH 32

// Some channels of 64 tokens as [channel][token].
template <bool KEYS>
DEVICE void load_channels(const EncodeWork& work, const EncodeItem& item, int kvHead, int firstChannel, float (&x)[DEPTH][64])
{
    const u16* open = (const u16*)(work.open + item.source * work.openStride) + (u64)kvHead * 128 * HEAD_SIZE + (KEYS ? 0 : 64 * HEAD_SIZE);
    if (KEYS && item.isOpen)
    {
        for (int i = threadIdx.x; i < DEPTH * 8; i += PROJECT_THREADS)
        {
            const uint4 w = *(const uint4*)(open + firstChannel * 64 + 8 * i);
            float4* to = (float4*)&x[i / 8][i % 8 * 8];
            to[0] = make_float4(stored_half(w.x), stored_half(w.x >> 16), stored_half(w.y), stored_half(w.y >> 16));
            to[1] = make_float4(stored_half(w.z), stored_half(w.z >> 16), stored_half(w.w), stored_half(w.w >> 16));
        }

        return;
    }

    const int stride = item.isOpen ? HEAD_SIZE : KEYS ? work.keyStride : work.valueStride;
    const u16* rows = item.isOpen ? open : (KEYS ? work.key : work.value) + (u64)item.source * stride + kvHead * HEAD_SIZE;
    for (int i = threadIdx.x; i < DEPTH * 8; i += PROJECT_THREADS)
    {
        const int token = i % 64, channel = i / 64 * 8;
        const uint4 w = *(const uint4*)(rows + (u64)token * stride + firstChannel + channel);
        const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int c = 0; c < 8; c++)
        {
            x[channel + c][token] = stored_half(words[c / 2] >> (16 * (c & 1)));
        }
    }
}

// Block x of latent channels SLICE * x on, of a latent head, to its matrix in scratch.
template <bool KEYS>
DEVICE void project(const StoredEncodeWork& work, const EncodeItem& item, const StoredHead& head, float* latent)
{
    __shared__ __align__(16) float x[DEPTH][64];
    __shared__ __align__(16) float map[DEPTH][SLICE];
    const int tensor = KEYS ? 0 : 1, channels = head.channels[tensor], first = SLICE * blockIdx.x, width = min(SLICE, channels - first);
    const int tokens = threadIdx.x % 8 * 4, own = threadIdx.x / 8 * 4;
    float sums[4][8];
#pragma unroll
    for (int r = 0; r < 4; r++)
    {
        const float mean = head.latentMean[tensor] >= 0 && own < width ? work.table.maps[head.latentMean[tensor] + first + own + r] : 0.f;
#pragma unroll
        for (int t = 0; t < 8; t++)
        {
            sums[r][t] = mean;
        }
    }

    for (int member = 0; member < head.members; member++)
    {
        const int kvHead = work.table.members[head.firstMember + member];
        for (int channel = 0; channel < HEAD_SIZE; channel += DEPTH)
        {
            const float* from = work.table.maps + head.encode[tensor] + (u64)(member * HEAD_SIZE + channel) * channels + first;
            __syncthreads();
            load_channels<KEYS>(work.blocks, item, kvHead, channel, x);
            for (int i = threadIdx.x; i < DEPTH * (SLICE / 4); i += PROJECT_THREADS)
            {
                const int row = i / (SLICE / 4), column = i % (SLICE / 4) * 4;
                if (column < width)
                {
                    *(float4*)&map[row][column] = *(const float4*)(from + (u64)row * channels + column);
                }
            }

            __syncthreads();
            if (own >= width)
            {
                continue;
            }

#pragma unroll 8
            for (int c = 0; c < DEPTH; c++)
            {
                const float4 m = *(const float4*)&map[c][own], low = *(const float4*)&x[c][tokens], high = *(const float4*)&x[c][tokens + 32];
                const float factors[4] = {m.x, m.y, m.z, m.w}, values[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
                for (int r = 0; r < 4; r++)
                {
#pragma unroll
                    for (int t = 0; t < 8; t++)
                    {
                        sums[r][t] = fmaf(factors[r], values[t], sums[r][t]);
                    }
                }
            }
        }
    }

    if (own >= width)
    {
        return;
    }

#pragma unroll
    for (int i = 0; i < (KEYS ? 4 : 8); i++)
    {
        if (KEYS)
        {
            const float(&s)[8] = sums[i & 3];
            quarter(latent, (first + own + i) * 64 + tokens) = make_float4(s[0], s[1], s[2], s[3]);
            quarter(latent, (first + own + i) * 64 + tokens + 32) = make_float4(s[4], s[5], s[6], s[7]);
        }
        else
        {
            const int token = tokens + i + (i < 4 ? 0 : 28);
            quarter(latent, token * channels + first + own) = make_float4(sums[0][i], sums[1][i], sums[2][i], sums[3][i]);
        }
    }
}

#endif
