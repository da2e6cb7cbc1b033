// K or V of one latent head and Block on its way to a payload that a table describes (stored.cuh): a matrix of 32-bit floats, of K a row a channel (64 columns),
// of V a row a token (64 rows), in groups of 16 columns.
//
// Compile with HEAD_SIZE; CHANNELS, of each latent head, or 0 where each has its own number; SPILLS: matrices larger than shared memory holds stay in scratch; MAPS: latent
// heads are made by project_stored; OUTLIERS, RANKS: there is a residual with them; KEYS_SHARED, VALUES_SHARED: a token has one scale for all heads;
// STEPS: channels have scales.
#ifndef KVCLUSTER_ENCODE_STORED_CUH
#define KVCLUSTER_ENCODE_STORED_CUH
#include "affine.cuh"
#include "encode_work.cuh"
#include "stored.cuh"

#define THREADS 256
#define WARPS (THREADS / 32)

// Blocks of threads that share a multiprocessor: shared memory has no room for more, and registers are to have room for as many.
#define RESIDENT 4

// Rows at once, where 4 lanes share one.
#define SWEEP (THREADS / 4)

// Where a latent head has what in the scratch of an item, in floats; -1 for what there is not. A pair is of K and of V.
struct EncodePlace
{
    int latent[2];     // the matrix, as shared memory has it
    int outliers[2];   // positions, slots, then what their places lost
    int channels[2];   // scales of channels
};

struct StoredEncodeWork
{
    EncodeWork blocks;
    StoredTable table;
    const EncodePlace* places;   // by latent head
    u64 scratchEach;             // floats an item; the first are each token's range: [2][heads][64]
    u32 zerosAt[2];              // bytes of a payload that nothing has
    u32 zeros[2];
    int layer;
    int tileFloats;              // of a matrix in shared memory
};

template <bool KEYS>
struct Matrix
{
    int channels;

    DEVICE Matrix(const StoredHead& head) : channels(CHANNELS ? CHANNELS : head.channels[KEYS ? 0 : 1]) {}

    DEVICE int rows() const { return KEYS ? channels : 64; }

    DEVICE int columns() const { return KEYS ? 64 : channels; }

    DEVICE int groups() const { return 4 * channels; }

    DEVICE int row_of(int group) const { return KEYS ? group >> 2 : group / (channels >> 4); }

    DEVICE int row_groups() const { return KEYS ? 4 : channels >> 4; }
};

// Where an element is: quarters of groups, and neighbouring groups, are exchanged so that threads which read a group each, or 4 a row, meet in no bank.
// Quarters stay whole, and what is exchanged repeats after 256 elements.
DEVICE int place_of(int element) { return element ^ ((element >> 3) & 12) ^ (((element >> 2) ^ (element >> 3)) & 16); }

DEVICE float4& quarter(float* tile, int element) { return *(float4*)(tile + place_of(element)); }

DEVICE void read_group(float* tile, int group, float (&x)[16])
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const float4 v = quarter(tile, 16 * group + 4 * i);
        x[4 * i] = v.x;
        x[4 * i + 1] = v.y;
        x[4 * i + 2] = v.z;
        x[4 * i + 3] = v.w;
    }
}

DEVICE void write_group(float* tile, int group, const float (&x)[16])
{
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        quarter(tile, 16 * group + 4 * i) = make_float4(x[4 * i], x[4 * i + 1], x[4 * i + 2], x[4 * i + 3]);
    }
}

// Folds 16 lanes of a sum, 4 of them in each of 4 threads, halves onto halves (Numerics/LaneDot.cs); all four get it.
DEVICE float fold(const float (&lanes)[4])
{
    float four[4];
#pragma unroll
    for (int i = 0; i < 4; i++)
    {
        const float eight = __fadd_rn(lanes[i], __shfl_xor_sync(FULL_WARP, lanes[i], 2));
        four[i] = __fadd_rn(eight, __shfl_xor_sync(FULL_WARP, eight, 1));
    }

    return __fadd_rn(__fadd_rn(four[0], four[2]), __fadd_rn(four[1], four[3]));
}

// Sum over the threads before this one, and over all.
DEVICE int sum_before(int value, int* sums, int& total)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int sum = value;
#pragma unroll
    for (int other = 1; other < 32; other *= 2)
    {
        const int below = __shfl_up_sync(FULL_WARP, sum, other);
        sum += lane >= other ? below : 0;
    }

    __syncthreads();
    if (lane == 31)
    {
        sums[warp] = sum;
    }

    __syncthreads();
    total = 0;
    int before = sum - value;
#pragma unroll
    for (int i = 0; i < WARPS; i++)
    {
        before += i < warp ? sums[i] : 0;
        total += sums[i];
    }

    return before;
}

// Greatest of all threads' numbers, none negative; `most` is 0 before.
DEVICE void find_most(float value, u32* most)
{
    const u32 greatest = warp_max(__float_as_uint(value));
    if (threadIdx.x % 32 == 0)
    {
        atomicMax(most, greatest);
    }
}

DEVICE void store_halves(float* tile, int element, uint4 w)
{
    quarter(tile, element) = make_float4(stored_half(w.x), stored_half(w.x >> 16), stored_half(w.y), stored_half(w.y >> 16));
    quarter(tile, element + 4) = make_float4(stored_half(w.z), stored_half(w.z >> 16), stored_half(w.w), stored_half(w.w >> 16));
}

// A KV head as it stands in 16 bits.
template <bool KEYS>
DEVICE void load_head(const EncodeWork& work, const EncodeItem& item, int kvHead, float* tile)
{
    const u16* open = (const u16*)(work.open + item.source * work.openStride) + (u64)kvHead * 128 * HEAD_SIZE + (KEYS ? 0 : 64 * HEAD_SIZE);
    const int stride = KEYS ? work.keyStride : work.valueStride;
    const u16* rows = (KEYS ? work.key : work.value) + (u64)item.source * stride + kvHead * HEAD_SIZE;
    for (int i = threadIdx.x; i < 8 * HEAD_SIZE; i += THREADS)
    {
        if (item.isOpen)
        {
            store_halves(tile, 8 * i, *(const uint4*)(open + 8 * i));
        }
        else if (!KEYS)
        {
            const int token = i / (HEAD_SIZE / 8), channel = i % (HEAD_SIZE / 8) * 8;
            store_halves(tile, token * HEAD_SIZE + channel, *(const uint4*)(rows + (u64)token * stride + channel));
        }
        else
        {
            const int token = i % 64, channel = i / 64 * 8;
            const uint4 w = *(const uint4*)(rows + (u64)token * stride + channel);
            const u32 words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
            for (int c = 0; c < 8; c++)
            {
                tile[place_of((channel + c) * 64 + token)] = stored_half(words[c / 2] >> (16 * (c & 1)));
            }
        }
    }
}

DEVICE void copy_tile(float* to, const float* from, int floats)
{
    for (int i = 4 * threadIdx.x; i < floats; i += 4 * THREADS)
    {
        *(float4*)(to + i) = *(const float4*)(from + i);
    }
}

#endif
