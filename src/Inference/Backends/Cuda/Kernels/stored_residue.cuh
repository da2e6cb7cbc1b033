// GEAR's residual of K or V of one latent head, as a block of threads reads it (stored_tile.cuh): factors in shared memory, outliers in registers.
#ifndef KVCLUSTER_STORED_RESIDUE_CUH
#define KVCLUSTER_STORED_RESIDUE_CUH
#include "stored_pairs.cuh"

// Eight factors, in the order of 4-bit codes, as pairs of 16-bit floats: those at 0 to 3 and 8 to 11 from `at` on.
DEVICE void store_factors(u16* at, u32 word, u32 scale)
{
#pragma unroll
    for (int i = 0; i < 2; i++)
    {
        const u32 x = permute(word, 0, i ? 0x4342 : 0x4140);
        *(u32*)(at + 2 * i) = multiply_halves(pair_add(select_or(x, 0x000f000f, 0x64006400), 0xe408e408), scale);
        *(u32*)(at + 8 + 2 * i) = multiply_halves(pair_add(select_or(x, 0x00f000f0, 0x54005400), 0xd480d480), scale);
    }
}

struct Residue
{
    u16 *left, *right;       // [rank][rows], with scales, brought near 1 by a power of two; [rank][columns], integers
    int rank, rows, columns;
    int slots;               // outliers' slots, if threads have four each
    u32 scale;               // that power of two
    u32 gaps, codes;         // of this thread's slots
    int before;              // sum of gaps before them, in the warp

    // Ints of shared memory behind the factors.
    static constexpr int SUMS = 32;

    // What follows is used after a barrier.
    DEVICE Residue(const u8* payload, const StoredResidual& from, u16* scratch)
    {
        rank = from.rank;
        rows = from.rows;
        columns = from.columns;
        slots = from.slots;
        left = scratch;
        right = scratch + rank * rows;
        scale = gaps = codes = 0;
        before = 0;
        if (rank > 0)
        {
            fill(payload, from);
        }

        if (slots > 0 && slots <= 4 * (int)blockDim.x)
        {
            scan(payload, from);
        }
    }

    DEVICE int* sums() const { return (int*)(right + rank * columns); }

    DEVICE void fill(const u8* payload, const StoredResidual& from)
    {
        float most = 0;
        for (int r = 0; r < rank; r++)
        {
            most = fmaxf(most, stored_float(payload + from.scale + 4 * r));
        }

        const u32 exponent = __float_as_uint(most) & 0x7f800000u;
        const float up = exponent > 0x3f800000u - (24u << 23) ? __uint_as_float(0x7f000000u - exponent) : 0.f;
        scale = pair_of_float(__uint_as_float(exponent));

        // A word has eight factors.
        const int leftWords = rows / 8, rightWords = columns / 8;
        for (int i = threadIdx.x; i < rank * (leftWords + rightWords); i += blockDim.x)
        {
            const bool isLeft = i < rank * leftWords;
            const int word = isLeft ? i : i - rank * leftWords, of = word / (isLeft ? leftWords : rightWords);
            const float factor = isLeft ? stored_float(payload + from.scale + 4 * of) * up : 1.f;
            const u32 eight = *(const u32*)(payload + (isLeft ? from.left : from.right) + 4 * word);
            store_factors((isLeft ? left : right) + (word / 2) * 16 + (word & 1) * 4, eight, pair_of_float(factor));
        }
    }

    DEVICE void scan(const u8* payload, const StoredResidual& from)
    {
        const int slot = 4 * threadIdx.x, lane = threadIdx.x & 31;
        if (slot < slots)
        {
            gaps = *(const u32*)(payload + from.gaps + slot);
            codes = *(const u32*)(payload + from.codes + slot);
        }

        const int sum = (gaps & 255) + (gaps >> 8 & 255) + (gaps >> 16 & 255) + (gaps >> 24);
        int through = sum;
#pragma unroll
        for (int step = 1; step < 32; step *= 2)
        {
            const int other = __shfl_up_sync(FULL_WARP, through, step);
            through += lane >= step ? other : 0;
        }

        before = through - sum;
        if (lane == 31)
        {
            sums()[threadIdx.x / 32] = through;
        }
    }

    // Adds the outliers to a whole tile. Slots without one have the code 0.
    DEVICE void add_outliers(u16* tile, int pitch, const u8* payload, const StoredResidual& from)
    {
        const float outlierScale = stored_float(payload + from.outlierScale);
        if (slots > 4 * (int)blockDim.x)
        {
            add_many(tile, pitch, payload, from, outlierScale);
            return;
        }

        if (codes == 0)
        {
            return;
        }

        int position = before;
        for (int warp = 0; warp < (int)threadIdx.x / 32; warp++)
        {
            position += sums()[warp];
        }

#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            position += gaps >> (8 * i) & 255;
            add(tile, pitch, position, (int)(signed char)(codes >> (8 * i)), outlierScale);
        }
    }

    // More than threads have at once: one thread walks them.
    DEVICE void add_many(u16* tile, int pitch, const u8* payload, const StoredResidual& from, float outlierScale) const
    {
        if (threadIdx.x == 0)
        {
            int position = 0;
            for (int slot = 0; slot < slots; slot++)
            {
                position += payload[from.gaps + slot];
                add(tile, pitch, position, (signed char)payload[from.codes + slot], outlierScale);
            }
        }
    }

    DEVICE void add(u16* tile, int pitch, int position, int code, float outlierScale) const
    {
        if (code != 0)
        {
            const int row = position / columns;
            u16* at = tile + row * pitch + position - row * columns;
            *at = (u16)stored_pack(fmaf((float)code, outlierScale, half_to_float(*at)), 0);
        }
    }
};

#endif
