// GEAR's low rank, and what then remains at the outliers: the codec's method (Residual/ResidualFit.cs).
#ifndef KVCLUSTER_ENCODE_STORED_FIT_CUH
#define KVCLUSTER_ENCODE_STORED_FIT_CUH
#include "encode_stored_outliers.cuh"
#include "encode_stored_rank.cuh"

#define ROUNDS 3

template <bool KEYS>
DEVICE void fit_rank(const Matrix<KEYS>& m, const StoredResidual& residual, float* tile, const FitMemory& memory, int layer, const Destinations& to)
{
    const int rank = residual.rank, rows = m.rows(), columns = m.columns(), warp = threadIdx.x / 32;
    for (int i = threadIdx.x; i < rank * columns; i += THREADS)
    {
        memory.right[i] = start_value(layer, i);
    }

    __syncthreads();
    for (int round = 0; round < ROUNDS; round++)
    {
        multiply_rows(m, tile, memory.right, memory.left, rank);
        __syncthreads();
        if (warp == 0)
        {
            rows <= 128 ? orthonormalise(memory.left, rank, rows) : orthonormalise_long(memory.left, rank, rows);
        }

        __syncthreads();

        // The last product is of rounded factors.
        if (round + 1 < ROUNDS)
        {
            multiply_columns(m, tile, memory.left, memory.right, rank);
            __syncthreads();
        }
    }

    for (int j = warp; j < rank; j += WARPS)
    {
        encode_factor(memory.left + j * rows, rows, residual.left + j * rows / 2, to);
    }

    __syncthreads();
    multiply_columns(m, tile, memory.left, memory.product, rank);
    if (warp == 0)
    {
        invert_gram(memory, rank, rows);
    }

    __syncthreads();
    for (int i = threadIdx.x; i < rank * columns; i += THREADS)
    {
        const int j = i / columns, column = i - j * columns;
        float sum = 0;
        for (int k = 0; k < rank; k++)
        {
            sum = fmaf(memory.inverse[j * rank + k], memory.product[k * columns + column], sum);
        }

        memory.right[i] = sum;
    }

    __syncthreads();
    for (int j = warp; j < rank; j += WARPS)
    {
        const float scale = encode_factor(memory.right + j * columns, columns, residual.right + j * columns / 2, to);
        if (threadIdx.x % 32 == 0)
        {
            to.write(residual.scale + 4 * j, scale);
        }

        __syncwarp();
        for (int i = threadIdx.x % 32; i < columns; i += 32)
        {
            memory.right[j * columns + i] = __fmul_rn(memory.right[j * columns + i], scale);
        }
    }

    __syncthreads();
}

// The residual of a matrix of errors, which is overwritten.
template <bool KEYS>
DEVICE void fit(const Matrix<KEYS>& m, const StoredResidual& residual, float* tile, u8* region, const OutlierList& list, int layer, const Destinations& to)
{
    const FitMemory memory(region, residual.rank, m.rows(), m.columns());
    for (int i = threadIdx.x; i < residual.outliers; i += THREADS)
    {
        float& error = tile[place_of((int)list.positions[i])];
        list.taken[i] = __fadd_rn(list.taken[i], error);
        error = 0;
    }

    if (threadIdx.x == 0)
    {
        *memory.word = 0;
    }

    __syncthreads();
#if RANKS
    if (residual.rank > 0)
    {
        fit_rank(m, residual, tile, memory, layer, to);
    }
#endif
#if OUTLIERS
    if (residual.outliers == 0)
    {
        return;
    }

    float most = 0;
    for (int i = threadIdx.x; i < residual.outliers; i += THREADS)
    {
        const int position = (int)list.positions[i], row = m.row_of(position >> 4), column = position - row * m.columns();
        float sum = 0;
        for (int j = 0; j < residual.rank; j++)
        {
            sum = fmaf(memory.left[j * m.rows() + row], memory.right[j * m.columns() + column], sum);
        }

        const float left = __fsub_rn(list.taken[i], sum);
        list.taken[i] = left;
        most = fmaxf(most, fabsf(left));
    }

    find_most(most, memory.word);
    __syncthreads();
    const float scale = __fdiv_rn(__uint_as_float(*memory.word), 127.f);
    if (threadIdx.x == 0)
    {
        to.write(residual.outlierScale, scale);
    }

    for (int i = threadIdx.x; scale > 0 && i < residual.outliers; i += THREADS)
    {
        to.write(residual.codes + list.slots[i], (u8)max(-127, min(127, __float2int_rn(__fdiv_rn(list.taken[i], scale)))));
    }
#endif
}

#endif
