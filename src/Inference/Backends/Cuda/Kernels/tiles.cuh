// A head's K or V of one Block as a tile of 64 tokens: 16-byte chunks of 8 channels in registers, THREADS threads.
#ifndef KVCLUSTER_TILES_CUH
#define KVCLUSTER_TILES_CUH
#include "groups.cuh"

#define THREADS 128
#define PITCH (HEAD_SIZE + 8)
#define CHUNKS (HEAD_SIZE / 8)
#define THREAD_ROWS (THREADS / CHUNKS)
#define EACH (64 / THREAD_ROWS)

// 16-bit floats [channel][64] to rows of PITCH in shared memory.
DEVICE void spread_halves(u16* tile, const u16* keys)
{
    for (int i = threadIdx.x; i < HEAD_SIZE * 8; i += THREADS)
    {
        const int channel = i % HEAD_SIZE, first = i / HEAD_SIZE * 8;
        const uint4 w = *(const uint4*)(keys + channel * 64 + first);
        const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
        for (int t = 0; t < 8; t++)
        {
            tile[(first + t) * PITCH + channel] = (u16)(words[t / 2] >> (16 * (t & 1)));
        }
    }
}

// Chunk i of a thread is of token thread / CHUNKS + THREAD_ROWS * i, channels 8 * (thread % CHUNKS) on.
struct Chunks
{
    u32 w[EACH][4];

    static DEVICE int token(int i) { return threadIdx.x / CHUNKS + THREAD_ROWS * i; }

    static DEVICE int channel() { return threadIdx.x % CHUNKS * 8; }

    DEVICE void read(const u16* rows, u64 stride)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            const uint4 v = *(const uint4*)(rows + token(i) * stride + channel());
            w[i][0] = v.x;
            w[i][1] = v.y;
            w[i][2] = v.z;
            w[i][3] = v.w;
        }
    }

    DEVICE void write(u16* tile) const
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            *(uint4*)(tile + token(i) * PITCH + channel()) = make_uint4(w[i][0], w[i][1], w[i][2], w[i][3]);
        }
    }

    DEVICE float value(int i, int c) const { return finite_half(w[i][c / 2] >> (16 * (c & 1))); }
};

#endif
