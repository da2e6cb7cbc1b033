// Sums over one vector, and Gram-Schmidt, of one warp; sums in the order of the codec's (Numerics/LaneDot.cs).
#ifndef KVCLUSTER_ENCODE_STORED_BASIS_CUH
#define KVCLUSTER_ENCODE_STORED_BASIS_CUH
#include "encode_stored.cuh"

// Lanes of a sum over the lower and the upper half of a warp alike, halves onto halves; all get it.
DEVICE float fold_halves(float sum)
{
#pragma unroll
    for (int other = 8; other > 0; other /= 2)
    {
        sum = __fadd_rn(sum, __shfl_xor_sync(FULL_WARP, sum, other));
    }

    return sum;
}

// In one warp.
DEVICE float dot(const float* a, const float* b, int length)
{
    float sum = 0;
#pragma unroll 4
    for (int i = threadIdx.x % 16; i < length; i += 16)
    {
        sum = fmaf(a[i], b[i], sum);
    }

    return fold_halves(sum);
}

// Of a vector its elements of a thread: of index thread % 16, modulo 16.
template <int EACH>
struct WarpVector
{
    float x[EACH];

    DEVICE WarpVector(const float* from, int length)
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            x[i] = 16 * i < length ? from[16 * i + threadIdx.x % 16] : 0.f;
        }
    }

    // Zeros past the end change no sum.
    DEVICE float dot(const WarpVector& other) const
    {
        float sum = 0;
#pragma unroll
        for (int i = 0; i < EACH; i++)
        {
            sum = fmaf(x[i], other.x[i], sum);
        }

        return fold_halves(sum);
    }
};

// What Gram-Schmidt multiplies a vector with, once it is orthogonal to those before.
DEVICE float norm_factor(float before, float after)
{
    const float inverse = __fdiv_rn(1.f, after);
    return after > __fmul_rn(1e-5f, before) && inverse < __uint_as_float(0x7f800000) ? inverse : 0.f;
}

// Gram-Schmidt, twice for each vector of up to 128 elements; in one warp.
DEVICE void orthonormalise(float* vectors, int count, int length)
{
    for (int j = 0; j < count; j++)
    {
        WarpVector<8> vector(vectors + j * length, length);
        const float before = __fsqrt_rn(vector.dot(vector));
        for (int i = 0; i < 2 * j; i++)
        {
            const WarpVector<8> basis(vectors + (i < j ? i : i - j) * length, length);
            const float factor = -vector.dot(basis);
#pragma unroll
            for (int k = 0; k < 8; k++)
            {
                vector.x[k] = fmaf(factor, basis.x[k], vector.x[k]);
            }
        }

        const float factor = norm_factor(before, __fsqrt_rn(vector.dot(vector)));

        // Both halves of the warp have read it.
        __syncwarp();
#pragma unroll
        for (int k = 0; k < 8; k++)
        {
            if (threadIdx.x % 32 < 16 && 16 * k < length)
            {
                vectors[j * length + 16 * k + threadIdx.x] = __fmul_rn(vector.x[k], factor);
            }
        }

        __syncwarp();
    }
}

// The same for longer vectors.
DEVICE void orthonormalise_long(float* vectors, int count, int length)
{
    const int lane = threadIdx.x % 32;
    for (int j = 0; j < count; j++)
    {
        float* vector = vectors + j * length;
        const float before = __fsqrt_rn(dot(vector, vector, length));
        for (int i = 0; i < 2 * j; i++)
        {
            const float* basis = vectors + (i < j ? i : i - j) * length;
            const float factor = -dot(vector, basis, length);
            __syncwarp();
            for (int k = lane; k < length; k += 32)
            {
                vector[k] = fmaf(factor, basis[k], vector[k]);
            }

            __syncwarp();
        }

        const float factor = norm_factor(before, __fsqrt_rn(dot(vector, vector, length)));
        __syncwarp();
        for (int k = lane; k < length; k += 32)
        {
            vector[k] = __fmul_rn(vector[k], factor);
        }

        __syncwarp();
    }
}

#endif
