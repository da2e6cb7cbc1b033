// Products and factors of GEAR's low rank (Residual/PowerIteration.cs, GramInverse.cs, Nibbles.cs): each sum in the codec's order.
#ifndef KVCLUSTER_ENCODE_STORED_RANK_CUH
#define KVCLUSTER_ENCODE_STORED_RANK_CUH
#include "encode_stored_basis.cuh"

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

// left[j][row] = E[row] . right[j]. Two threads share a row: one has quarters 0 and 2 of its groups, the other 1 and 3.
template <bool KEYS>
DEVICE void multiply_rows(const Matrix<KEYS>& m, float* tile, const float* right, float* left, int rank)
{
    const int own = threadIdx.x % 2 * 4;
    for (int first = 0; first < rank; first += ROW_RANKS)
    {
        for (int row = threadIdx.x / 2; row < m.rows(); row += THREADS / 2)
        {
            // Lanes own to own + 3 of the 16 of each sum, then those 8 later.
            float lanes[ROW_RANKS][8] = {};
            for (int i = 0; i < m.row_groups(); i++)
            {
#pragma unroll
                for (int k = 0; k < 8; k += 4)
                {
                    const int column = 16 * i + 2 * k + own;
                    const float4 v = quarter(tile, row * m.columns() + column);
#pragma unroll
                    for (int j = 0; j < ROW_RANKS; j++)
                    {
                        if (first + j < rank)
                        {
                            const float4 r = *(const float4*)(right + (first + j) * m.columns() + column);
                            lanes[j][k] = fmaf(r.x, v.x, lanes[j][k]);
                            lanes[j][k + 1] = fmaf(r.y, v.y, lanes[j][k + 1]);
                            lanes[j][k + 2] = fmaf(r.z, v.z, lanes[j][k + 2]);
                            lanes[j][k + 3] = fmaf(r.w, v.w, lanes[j][k + 3]);
                        }
                    }
                }
            }

#pragma unroll
            for (int j = 0; j < ROW_RANKS; j++)
            {
                if (first + j < rank)
                {
                    float four[4];
#pragma unroll
                    for (int k = 0; k < 4; k++)
                    {
                        const float eight = __fadd_rn(lanes[j][k], lanes[j][k + 4]);
                        four[k] = __fadd_rn(eight, __shfl_xor_sync(FULL_WARP, eight, 1));
                    }

                    if (own == 0)
                    {
                        left[(first + j) * m.rows() + row] = __fadd_rn(__fadd_rn(four[0], four[2]), __fadd_rn(four[1], four[3]));
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

        // Rows of a multiple of 256 elements: the next lie as these.
        constexpr int PERIOD = KEYS || (CHANNELS && CHANNELS % 64 == 0) ? 4 : 16;
        int places[PERIOD];
#pragma unroll
        for (int k = 0; k < PERIOD; k++)
        {
            places[k] = place_of(k * m.columns() + column);
        }

#pragma unroll 2
        for (int row = 0; row < m.rows(); row += PERIOD)
        {
            const float* rows = tile + row * m.columns();
#pragma unroll
            for (int k = 0; k < PERIOD; k += 4)
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
