// The outliers of GEAR's residual, as the codec on the CPU takes them (Residual/OutlierSelection.cs, OutlierList.cs, ResidualFit.cs), element for element.
#ifndef KVCLUSTER_ENCODE_STORED_OUTLIERS_CUH
#define KVCLUSTER_ENCODE_STORED_OUTLIERS_CUH
#include "encode_stored.cuh"

// Distances that are counted together; there are 128 between a distance and its double.
#define BINS 1024

// Of a residual's outliers in scratch, ascending.
struct OutlierList
{
    u32* positions;
    u32* slots;
    float* taken;

    DEVICE OutlierList(float* at, int count) : positions((u32*)at), slots((u32*)at + count), taken(at + 2 * count) {}
};

struct OutlierMemory
{
    u32* bins;    // BINS
    float* means; // a row
    u16* above;   // a group: bits of its elements
    u16* equal;
    int* sums;    // WARPS
    u32* word;    // 4

    static DEVICE OutlierMemory of(u8* region, int rows, int groups)
    {
        OutlierMemory memory;
        memory.sums = (int*)region;
        memory.word = (u32*)region + WARPS;
        memory.bins = memory.word + 4;
        memory.means = (float*)(memory.bins + BINS);
        memory.above = (u16*)(memory.means + rows);
        memory.equal = memory.above + groups;
        return memory;
    }
};

DEVICE u32 distance(float x, float mean) { return __float_as_uint(fabsf(__fsub_rn(x, mean))) >> 16; }

// Means of rows, and the greatest distance from them.
template <bool KEYS>
DEVICE u32 measure_rows(const Matrix<KEYS>& m, float* tile, const OutlierMemory& memory)
{
    const int q = threadIdx.x % 4;
    u32 top = 0;
    for (int row = threadIdx.x / 4; row < m.rows(); row += SWEEP)
    {
        float lanes[4] = {0, 0, 0, 0};
        for (int i = 0; i < m.row_groups(); i++)
        {
            const float4 v = quarter(tile, row * m.columns() + 16 * i + 4 * q);
            lanes[0] = __fadd_rn(lanes[0], v.x);
            lanes[1] = __fadd_rn(lanes[1], v.y);
            lanes[2] = __fadd_rn(lanes[2], v.z);
            lanes[3] = __fadd_rn(lanes[3], v.w);
        }

        const float mean = __fdiv_rn(fold(lanes), (float)m.columns());
        for (int i = 0; i < m.row_groups(); i++)
        {
            const float4 v = quarter(tile, row * m.columns() + 16 * i + 4 * q);
            top = max(max(top, distance(v.x, mean)), max(distance(v.y, mean), max(distance(v.z, mean), distance(v.w, mean))));
        }

        if (q == 0)
        {
            memory.means[row] = mean;
        }
    }

    top = warp_max(top);
    if (threadIdx.x % 32 == 0)
    {
        atomicMax(memory.word, top);
    }

    __syncthreads();
    return *memory.word;
}

// The distance of the last that is taken, and how many of those at that distance are: word[1] and word[2].
template <bool KEYS>
DEVICE void find_threshold(const Matrix<KEYS>& m, float* tile, const OutlierMemory& memory, u32 top, int count)
{
    for (int needed = count;; top -= BINS)
    {
        for (int i = threadIdx.x; i < BINS; i += THREADS)
        {
            memory.bins[i] = 0;
        }

        __syncthreads();
        for (int group = threadIdx.x; group < m.groups(); group += THREADS)
        {
            float x[16];
            read_group(tile, group, x);
            const float mean = memory.means[m.row_of(group)];
#pragma unroll
            for (int i = 0; i < 16; i++)
            {
                const u32 below = top - distance(x[i], mean);
                if (below < BINS)
                {
                    atomicAdd(memory.bins + below, 1u);
                }
            }
        }

        __syncthreads();
        const u32* own = memory.bins + BINS / THREADS * threadIdx.x;
        int mine = 0, total;
#pragma unroll
        for (int i = 0; i < BINS / THREADS; i++)
        {
            mine += (int)own[i];
        }

        int before = sum_before(mine, memory.sums, total);
        if (total < needed)
        {
            needed -= total;
            continue;
        }

        if (before < needed && before + mine >= needed)
        {
            int bin = 0;
            for (; before + (int)own[bin] < needed; bin++)
            {
                before += (int)own[bin];
            }

            memory.word[1] = top - (u32)(BINS / THREADS * threadIdx.x + bin);
            memory.word[2] = (u32)(needed - before);
        }

        __syncthreads();
        return;
    }
}

// Bits of those that are taken, a group's in `above`; their positions.
template <bool KEYS>
DEVICE void collect(const Matrix<KEYS>& m, float* tile, const OutlierMemory& memory, const OutlierList& list)
{
    const u32 threshold = memory.word[1];
    const int equals = (int)memory.word[2];
    for (int group = threadIdx.x; group < m.groups(); group += THREADS)
    {
        float x[16];
        read_group(tile, group, x);
        const float mean = memory.means[m.row_of(group)];
        u32 above = 0, equal = 0;
#pragma unroll
        for (int i = 0; i < 16; i++)
        {
            const u32 d = distance(x[i], mean);
            above |= (d > threshold ? 1u : 0u) << i;
            equal |= (d == threshold ? 1u : 0u) << i;
        }

        memory.above[group] = (u16)above;
        memory.equal[group] = (u16)equal;
    }

    __syncthreads();
    const int each = (m.groups() + THREADS - 1) / THREADS, first = min(m.groups(), (int)threadIdx.x * each), end = min(m.groups(), first + each);
    int mine = 0, total;
    for (int group = first; group < end; group++)
    {
        mine += __popc(memory.equal[group]);
    }

    int before = sum_before(mine, memory.sums, total);
    mine = 0;
    for (int group = first; group < end; group++)
    {
        u32 bits = memory.above[group];
        for (u32 equal = memory.equal[group]; equal != 0 && before < equals; equal &= equal - 1, before++)
        {
            bits |= equal & (0u - equal);
        }

        memory.above[group] = (u16)bits;
        mine += __popc(bits);
    }

    int at = sum_before(mine, memory.sums, total);
    for (int group = first; group < end; group++)
    {
        for (u32 bits = memory.above[group]; bits != 0; bits &= bits - 1)
        {
            list.positions[at++] = (u32)(16 * group + __ffs((int)bits) - 1);
        }
    }
}

// Gaps to the payload, and in the list at which slot each outlier is.
DEVICE void write_gaps(const StoredResidual& residual, const OutlierList& list, int* sums, const Destinations& to)
{
    for (int i = threadIdx.x; i < residual.slots / 2; i += THREADS)
    {
        to.write(residual.gaps + 4 * i, 0u);
    }

    int carry = 0;
    for (int first = 0; first < residual.outliers; first += THREADS)
    {
        const int i = first + threadIdx.x;
        int gap = 0, total;
        if (i < residual.outliers)
        {
            gap = (int)(list.positions[i] - (i > 0 ? list.positions[i - 1] : 0));
        }

        // The zeros above are there once sums are.
        const int skips = gap / 255;
        int slot = i + carry + sum_before(skips, sums, total);
        if (i < residual.outliers)
        {
            for (int skip = 0; skip < skips; skip++)
            {
                to.write(residual.gaps + slot++, (u8)255);
            }

            to.write(residual.gaps + slot, (u8)(gap % 255));
            list.slots[i] = (u32)slot;
        }

        carry += total;
    }
}

// Takes the outliers out; in their places come the means of what is left in their rows.
template <bool KEYS>
DEVICE void take_outliers(const Matrix<KEYS>& m, const StoredResidual& residual, float* tile, u8* region, const OutlierList& list, const Destinations& to)
{
    const OutlierMemory memory = OutlierMemory::of(region, m.rows(), m.groups());
    if (threadIdx.x == 0)
    {
        *memory.word = 0;
    }

    __syncthreads();
    find_threshold(m, tile, memory, measure_rows(m, tile, memory), residual.outliers);
    collect(m, tile, memory, list);
    __syncthreads();
    const int q = threadIdx.x % 4;
    for (int row = threadIdx.x / 4; row < m.rows(); row += SWEEP)
    {
        float lanes[4] = {0, 0, 0, 0};
        int found = 0;
        for (int i = 0; i < m.row_groups(); i++)
        {
            const float4 v = quarter(tile, row * m.columns() + 16 * i + 4 * q);
            const u32 bits = (u32)memory.above[row * m.row_groups() + i] >> (4 * q);
            found += __popc(bits & 15);
            lanes[0] = __fadd_rn(lanes[0], bits & 1 ? 0.f : v.x);
            lanes[1] = __fadd_rn(lanes[1], bits & 2 ? 0.f : v.y);
            lanes[2] = __fadd_rn(lanes[2], bits & 4 ? 0.f : v.z);
            lanes[3] = __fadd_rn(lanes[3], bits & 8 ? 0.f : v.w);
        }

        found += __shfl_xor_sync(FULL_WARP, found, 1);
        found += __shfl_xor_sync(FULL_WARP, found, 2);
        const float sum = fold(lanes);
        if (q == 0)
        {
            memory.means[row] = __fdiv_rn(sum, (float)max(m.columns() - found, 1));
        }
    }

    __syncthreads();
    for (int i = threadIdx.x; i < residual.outliers; i += THREADS)
    {
        const int position = (int)list.positions[i];
        float& x = tile[place_of(position)];
        const float mean = memory.means[m.row_of(position >> 4)];
        list.taken[i] = __fsub_rn(x, mean);
        x = mean;
    }

    write_gaps(residual, list, memory.sums, to);
    __syncthreads();
}

#endif
