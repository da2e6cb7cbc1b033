// Products, bases and factors of GEAR's low rank (Residual/PowerIteration.cs, GramInverse.cs, Nibbles.cs): each sum in the codec's order.
#ifndef KVCLUSTER_ENCODE_STORED_RANK_CUH
#define KVCLUSTER_ENCODE_STORED_RANK_CUH
#include "encode_stored.cuh"

// Ranks whose sums are in registers together.
#define ROW_RANKS 4
#define COLUMN_RANKS 2

struct FitMemory
{
    double* gram;    // [rank][rank], then its inverse, then a column
    float* inverse;  // [rank][rank]
    float* left;     // [rank][rows]
    float* right;    // [rank][columns]
    float* product;  // [rank][columns]
    u32* word;       // 4

    DEVICE FitMemory(u8* region, int rank, int rows, int columns)
    {
        word = (u32*)region;
        left = (float*)(word + 4);
        right = left + rank * rows;
        product = right + rank * columns;
        gram = (double*)(product + rank * columns);
        inverse = (float*)(gram + 2 * rank * rank + rank);
    }
};

// Element of the vectors that power iteration starts from: uniform from 0 to 1 (Residual/StartVectors.cs).
DEVICE float start_value(int layer, int i)
{
    u64 z = ((u64)layer << 32 | (u32)i) + 1;
    z *= 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return (float)(u32)((z ^ (z >> 31)) >> 40) * 5.9604644775390625e-8f;
}

// left[j][row] = E[row] . right[j]
template <bool KEYS>
DEVICE void multiply_rows(const Matrix<KEYS>& m, float* tile, const float* right, float* left, int rank)
{
    const int q = threadIdx.x % 4;
    for (int first = 0; first < rank; first += ROW_RANKS)
    {
        for (int row = threadIdx.x / 4; row < m.rows(); row += SWEEP)
        {
            float lanes[ROW_RANKS][4];
#pragma unroll
            for (int j = 0; j < ROW_RANKS; j++)
            {
                lanes[j][0] = lanes[j][1] = lanes[j][2] = lanes[j][3] = 0;
            }

            for (int i = 0; i < m.row_groups(); i++)
            {
                const float4 v = quarter(tile, row * m.columns() + 16 * i + 4 * q);
#pragma unroll
                for (int j = 0; j < ROW_RANKS; j++)
                {
                    if (first + j < rank)
                    {
                        const float4 r = *(const float4*)(right + (first + j) * m.columns() + 16 * i + 4 * q);
                        lanes[j][0] = fmaf(r.x, v.x, lanes[j][0]);
                        lanes[j][1] = fmaf(r.y, v.y, lanes[j][1]);
                        lanes[j][2] = fmaf(r.z, v.z, lanes[j][2]);
                        lanes[j][3] = fmaf(r.w, v.w, lanes[j][3]);
                    }
                }
            }

#pragma unroll
            for (int j = 0; j < ROW_RANKS; j++)
            {
                if (first + j < rank)
                {
                    const float sum = fold(lanes[j]);
                    if (q == 0)
                    {
                        left[(first + j) * m.rows() + row] = sum;
                    }
                }
            }
        }
    }
}

// right[j] = left[j] * E, each element one chain over rows.
template <bool KEYS>
DEVICE void multiply_columns(const Matrix<KEYS>& m, const float* tile, const float* left, float* right, int rank)
{
    for (int i = threadIdx.x; i < m.columns() * ((rank + COLUMN_RANKS - 1) / COLUMN_RANKS); i += THREADS)
    {
        const int column = i % m.columns(), j = i / m.columns() * COLUMN_RANKS;
        const float* a = left + j * m.rows();
        const float* b = j + 1 < rank ? a + m.rows() : a;
        float sums[2] = {0, 0};

        // 8 rows are a multiple of 128 elements: the next 8 lie as these.
        int places[8];
#pragma unroll
        for (int k = 0; k < 8; k++)
        {
            places[k] = place_of(k * m.columns() + column);
        }

        for (int row = 0; row < m.rows(); row += 8)
        {
            const float* rows = tile + row * m.columns();
#pragma unroll
            for (int k = 0; k < 8; k += 4)
            {
                const float4 p = *(const float4*)(a + row + k), q = *(const float4*)(b + row + k);
                const float v[4] = {rows[places[k]], rows[places[k + 1]], rows[places[k + 2]], rows[places[k + 3]]};
                sums[0] = fmaf(p.w, v[3], fmaf(p.z, v[2], fmaf(p.y, v[1], fmaf(p.x, v[0], sums[0]))));
                sums[1] = fmaf(q.w, v[3], fmaf(q.z, v[2], fmaf(q.y, v[1], fmaf(q.x, v[0], sums[1]))));
            }
        }

        right[j * m.columns() + column] = sums[0];
        if (j + 1 < rank)
        {
            right[(j + 1) * m.columns() + column] = sums[1];
        }
    }
}

// In one warp; both halves of it have the sum.
DEVICE float dot(const float* a, const float* b, int length)
{
    float sum = 0;
#pragma unroll 4
    for (int i = threadIdx.x % 16; i < length; i += 16)
    {
        sum = fmaf(a[i], b[i], sum);
    }

#pragma unroll
    for (int other = 8; other > 0; other /= 2)
    {
        sum = __fadd_rn(sum, __shfl_xor_sync(FULL_WARP, sum, other));
    }

    return sum;
}

// Gram-Schmidt, twice for each vector; in one warp.
DEVICE void orthonormalise(float* vectors, int count, int length)
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

        const float norm = __fsqrt_rn(dot(vector, vector, length));
        const float inverse = __fdiv_rn(1.f, norm), factor = norm > __fmul_rn(1e-5f, before) && inverse < __uint_as_float(0x7f800000) ? inverse : 0.f;
        __syncwarp();
        for (int k = lane; k < length; k += 32)
        {
            vector[k] = __fmul_rn(vector[k], factor);
        }

        __syncwarp();
    }
}

// A vector to codes of 4 bits from -7 to 7, in place and to the payload; in one warp.
DEVICE float encode_factor(float* vector, int length, u32 at, const Destinations& to)
{
    const int lane = threadIdx.x % 32;
    float most = 0;
    for (int i = lane; i < length; i += 32)
    {
        most = fmaxf(most, fabsf(vector[i]));
    }

    const float scale = __fdiv_rn(__uint_as_float(warp_max(__float_as_uint(most))), 7.f), divisor = scale > 0 ? scale : 1.f;
    for (int i = lane; i < length; i += 32)
    {
        vector[i] = (float)max(-7, min(7, __float2int_rn(__fdiv_rn(vector[i], divisor))));
    }

    __syncwarp();
    for (int i = 4 * lane; i < length / 2; i += 128)
    {
        const float* group = vector + i / 8 * 16 + i % 8;
        u32 word = 0;
#pragma unroll
        for (int j = 0; j < 4; j++)
        {
            word |= (u32)((int)group[j] + 8 | ((int)group[j + 8] + 8) << 4) << (8 * j);
        }

        to.write(at + i, word);
    }

    return scale;
}

// Inverse of the matrix of products of rows, zeros for rows that depend on those before (Residual/GramInverse.cs); in one warp.
DEVICE void invert_gram(const FitMemory& memory, int rank, int rows)
{
    const int lane = threadIdx.x % 32;
    double* gram = memory.gram;
    double* result = gram + rank * rank;
    double* column = result + rank * rank;
    for (int i = 0; i < rank; i++)
    {
        for (int j = 0; j <= i; j++)
        {
            const double product = dot(memory.left + i * rows, memory.left + j * rows, rows);
            if (lane == 0)
            {
                gram[i * rank + j] = gram[j * rank + i] = product;
                result[i * rank + j] = result[j * rank + i] = i == j;
            }
        }
    }

    __syncwarp();
    for (int p = 0; p < rank; p++)
    {
        const double pivot = gram[p * rank + p];
        const bool isDependent = pivot <= 1e-9 * rows;
        __syncwarp();
        for (int i = lane; i < rank; i += 32)
        {
            gram[p * rank + i] = isDependent ? 0 : gram[p * rank + i] / pivot;
            result[p * rank + i] = isDependent ? 0 : result[p * rank + i] / pivot;
        }

        __syncwarp();
        for (int i = lane; i < rank; i += 32)
        {
            column[i] = gram[i * rank + p];
        }

        __syncwarp();
        for (int i = lane; i < rank * rank; i += 32)
        {
            const int row = i / rank, at = p * rank + i % rank;
            if (row != p)
            {
                gram[i] = __dsub_rn(gram[i], __dmul_rn(column[row], gram[at]));
                result[i] = __dsub_rn(result[i], __dmul_rn(column[row], result[at]));
            }
        }

        __syncwarp();
    }

    for (int i = lane; i < rank * rank; i += 32)
    {
        memory.inverse[i] = (float)result[i];
    }
}

#endif
