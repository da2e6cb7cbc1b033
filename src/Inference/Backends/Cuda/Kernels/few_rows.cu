// output [rows][columns] (or added to it) = input [rows][depth] times the transpose of weights [columns][depth], bf16 with sums in 32 bits, for up to 8 *
// ROW_TILES rows: all there is to it is the weights' way from memory.
//
// A block of threads has 32 columns; its warps share the depth by pieces of 64, and add up what they have at the end. A lane of a matrix instruction takes 16
// values in a row from memory, of weights and input alike: which of the depth they are does not matter to the sum. The first weights are asked for
// before earlier kernels have ended, as those never write weights. Grid (columns / 32), 32 * WARPS threads, (WARPS * 32 * (8 * ROW_TILES + 1)) floats shared.
#include "primitives.cuh"

#define WARPS 16
#define COLUMNS 32
#define PIECE 64
#define PITCH (8 * ROW_TILES + 1)

#define WRITE_BRAINS 0
#define WRITE_SINGLES 1
#define ADD_SINGLES 2

struct FewRows
{
    const u16* weights;
    const u16* input;
    void* output;
    int rows;
    int columns;  // a multiple of 32
    int depth;    // a multiple of 64
    int kind;
};

// d += a * b of bf16; as mma_add.
DEVICE void mma_brains(float (&d)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

struct Sixteen
{
    uint4 low, high;

    // Values 4 * step and on, by pairs.
    DEVICE u32 pair(int step, int which) const
    {
        const uint4& half = step < 2 ? low : high;
        return step % 2 == 0 ? (which ? half.y : half.x) : (which ? half.w : half.z);
    }
};

DEVICE Sixteen load_weights(const u16* from) { return {load16_once(from), load16_once(from + 8)}; }

DEVICE Sixteen load_input(const u16* from) { return {*(const uint4*)from, *(const uint4*)(from + 8)}; }

extern "C" __global__ void __launch_bounds__(32 * WARPS) few_rows(const __grid_constant__ FewRows work)
{
    extern __shared__ float sums[];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, q = lane % 4;
    const int firstColumn = blockIdx.x * COLUMNS, pieces = work.depth / PIECE;
    const u64 depth = work.depth;
    const u16* weights = work.weights + (firstColumn + g) * depth + 16 * q;
    const u16* input[ROW_TILES];
#pragma unroll
    for (int t = 0; t < ROW_TILES; t++)
    {
        const int row = 8 * t + g;
        input[t] = work.input + (row < work.rows ? row : work.rows - 1) * depth + 16 * q;
    }

    float sum[COLUMNS / 16][ROW_TILES][4] = {};
    Sixteen w[COLUMNS / 8];
    if (warp < pieces)
    {
#pragma unroll
        for (int i = 0; i < COLUMNS / 8; i++)
        {
            w[i] = load_weights(weights + 8 * i * depth + warp * PIECE);
        }
    }

    launch_dependents();
    wait_for_earlier();
    for (int piece = warp; piece < pieces; piece += WARPS)
    {
        Sixteen x[ROW_TILES];
#pragma unroll
        for (int t = 0; t < ROW_TILES; t++)
        {
            x[t] = load_input(input[t] + piece * PIECE);
        }

#pragma unroll
        for (int step = 0; step < 4; step++)
        {
#pragma unroll
            for (int c = 0; c < COLUMNS / 16; c++)
            {
#pragma unroll
                for (int t = 0; t < ROW_TILES; t++)
                {
                    mma_brains(
                        sum[c][t], w[2 * c].pair(step, 0), w[2 * c + 1].pair(step, 0), w[2 * c].pair(step, 1), w[2 * c + 1].pair(step, 1),
                        x[t].pair(step, 0), x[t].pair(step, 1));
                }
            }
        }

        if (piece + WARPS < pieces)
        {
#pragma unroll
            for (int i = 0; i < COLUMNS / 8; i++)
            {
                w[i] = load_weights(weights + 8 * i * depth + (piece + WARPS) * PIECE);
            }
        }
    }

#pragma unroll
    for (int c = 0; c < COLUMNS / 16; c++)
    {
#pragma unroll
        for (int t = 0; t < ROW_TILES; t++)
        {
#pragma unroll
            for (int i = 0; i < 4; i++)
            {
                sums[(warp * COLUMNS + 16 * c + g + 8 * (i >> 1)) * PITCH + 8 * t + 2 * q + (i & 1)] = sum[c][t][i];
            }
        }
    }

    __syncthreads();
    for (int i = threadIdx.x; i < COLUMNS * work.rows; i += 32 * WARPS)
    {
        const int column = i % COLUMNS, row = i / COLUMNS;
        float total = 0;
#pragma unroll
        for (int from = 0; from < WARPS; from++)
        {
            total += sums[(from * COLUMNS + column) * PITCH + row];
        }

        const u64 to = (u64)row * work.columns + firstColumn + column;
        if (work.kind == WRITE_BRAINS)
        {
            u16 bits;
            asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(total));
            ((u16*)work.output)[to] = bits;
        }
        else
        {
            float* out = (float*)work.output + to;
            *out = work.kind == ADD_SINGLES ? *out + total : total;
        }
    }
}
