using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Residual;

/// <summary>The elements of a matrix that are farthest from the mean of their row.</summary>
/// <remarks>
/// GEAR (arXiv 2403.05527) takes the same number from both ends of every vector. Here the vectors of a head and Block share one budget: on the
/// demo model, KIVI-2 with 2.2 % of outliers and rank 4 keeps 94 % of the answers this way and 84 % with a budget a vector, because a few
/// channels have nearly all of K's large values. Distances are compared in 16 bits (8 of mantissa); of equal ones the earlier position is taken.
/// </remarks>
internal static unsafe class OutlierSelection
{
    private const int Lanes = 16;

    /// <summary>Between the distances of numbers of which one is twice the other.</summary>
    private const int PowerOfTwo = 128;

    /// <summary>The <paramref name="count"/> positions, ascending.</summary>
    /// <param name="matrix">Finite floats [rows][columns].</param>
    /// <param name="rowCount">Rows; multiple of 4.</param>
    /// <param name="columnCount">Multiple of 16.</param>
    /// <param name="count">From 1 to all.</param>
    /// <param name="distances">Room for as many numbers as there are elements.</param>
    /// <param name="means">Room for a number a row.</param>
    /// <param name="positions">Written.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* matrix, int rowCount, int columnCount, int count, short* distances, float* means, int* positions)
    {
        int length = rowCount * columnCount;
        Vector256<short> greatest = default;
        RowSums.Write(matrix, rowCount, columnCount, means);
        for (int row = 0; row < rowCount; row++)
        {
            greatest = Vector256.Max(greatest, Measure(matrix + (row * columnCount), means[row] / columnCount, columnCount, distances + (row * columnCount)));
        }

        // Invariant: at least count lie at or above low, fewer at or above high.
        int low = 0;
        int high = 1;
        for (int lane = 0; lane < Lanes; lane++)
        {
            high = Math.Max(high, greatest[lane] + 1);
        }

        // Few elements are sought, so the border is a few powers of two below the greatest.
        int atHigh = 0;
        int step = PowerOfTwo;
        while (high - low > 1)
        {
            int middle = low == 0 && step < high ? high - step : (low + high) / 2;
            step *= 2;
            int found = CountFrom(distances, length, middle);
            if (found >= count)
            {
                low = middle;
                if (found == count)
                {
                    atHigh = 0;
                    break;
                }
            }
            else
            {
                high = middle;
                atHigh = found;
            }
        }

        Collect(distances, length, low, high - low > 1 ? count : count - atHigh, positions, count);
    }

    /// <summary>Distances of a row from its mean: the upper half of a float without sign, so they compare as integers.</summary>
    /// <returns>The greatest by lane.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> Measure(float* row, float rowMean, int columnCount, short* distances)
    {
        var mean = Vector256.Create(rowMean);
        Vector256<short> greatest = default;
        for (int i = 0; i < columnCount; i += Lanes)
        {
            Vector256<int> first = Vector256.Abs(Vector256.Load(row + i) - mean).AsInt32() >> 16;
            Vector256<int> second = Vector256.Abs(Vector256.Load(row + i + 8) - mean).AsInt32() >> 16;
            Vector256<short> both = Vector256.Narrow(first, second);
            both.Store(distances + i);
            greatest = Vector256.Max(greatest, both);
        }

        return greatest;
    }

    /// <summary>How many are at or above a distance.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int CountFrom(short* distances, int length, int least)
    {
        var threshold = Vector256.Create((short)(least - 1));
        int count = 0;
        for (int i = 0; i < length;)
        {
            // A lane counts to at most 2^15 - 1.
            int end = Math.Min(length, i + (short.MaxValue * Lanes));
            Vector256<short> even = default;
            Vector256<short> odd = default;
            for (; i <= end - (2 * Lanes); i += 2 * Lanes)
            {
                even -= Vector256.GreaterThan(Vector256.Load(distances + i), threshold);
                odd -= Vector256.GreaterThan(Vector256.Load(distances + i + Lanes), threshold);
            }

            for (; i < end; i += Lanes)
            {
                even -= Vector256.GreaterThan(Vector256.Load(distances + i), threshold);
            }

            (Vector256<int> lower, Vector256<int> upper) = Vector256.Widen(even);
            (Vector256<int> lowerOdd, Vector256<int> upperOdd) = Vector256.Widen(odd);
            count += Vector256.Sum(lower + upper + lowerOdd + upperOdd);
        }

        return count;
    }

    /// <summary>All above <paramref name="least"/>, and the first <paramref name="equalCount"/> that equal it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Collect(short* distances, int length, int least, int equalCount, int* positions, int count)
    {
        var threshold = Vector256.Create((short)(least - 1));
        int found = 0;
        for (int i = 0; i < length && found < count; i += Lanes)
        {
            uint bits = Vector256.GreaterThan(Vector256.Load(distances + i), threshold).AsByte().ExtractMostSignificantBits() & 0x55555555;
            for (; bits != 0 && found < count; bits &= bits - 1)
            {
                int position = i + (BitOperations.TrailingZeroCount(bits) / 2);
                if (distances[position] > least || equalCount-- > 0)
                {
                    positions[found++] = position;
                }
            }
        }
    }
}
