using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Numerics;

/// <summary>
/// C[m×n] = A[m×k]·B[k×n], or C += …, in 32 bits, for a B that fits the first-level cache (k·n up to about 4,096 floats).
/// </summary>
/// <remarks>
/// Every element of C is one chain of fused multiply-adds over k in ascending order, beginning with 0 or with what C holds, on every
/// instruction set and for every m, n and position: <c>for p: c = fma(a[i,p], b[p,j], c)</c> is the exact oracle. So a long k may be
/// cut into pieces, the later ones accumulating, without changing a bit.
/// </remarks>
public static unsafe class TileMultiply
{
    /// <summary>Multiplies matrices in row-major order; strides in floats.</summary>
    /// <exception cref="ArgumentException">A span is shorter than its matrix, or a stride than its row.</exception>
    public static void Multiply(
        ReadOnlySpan<float> a, int aStride, ReadOnlySpan<float> b, int bStride, Span<float> c, int cStride,
        int rowCount, int columnCount, int depth, bool accumulate)
    {
        RequireMatrix(a.Length, rowCount, depth, aStride, nameof(a));
        RequireMatrix(b.Length, depth, columnCount, bStride, nameof(b));
        RequireMatrix(c.Length, rowCount, columnCount, cStride, nameof(c));
        fixed (float* aStart = a, bStart = b, cStart = c)
        {
            Multiply(aStart, aStride, bStart, bStride, cStart, cStride, rowCount, columnCount, depth, accumulate);
        }
    }

    /// <summary>The same over pointers, unchecked, for inner loops.</summary>
    public static void Multiply(
        float* a, int aStride, float* b, int bStride, float* c, int cStride,
        int rowCount, int columnCount, int depth, bool accumulate)
    {
        var operands = new TileOperands(a, aStride, b, bStride, c, cStride, depth, accumulate);
        Multiply(SimdPaths.Best, operands, rowCount, columnCount);
    }

    internal static void Multiply(SimdPath path, in TileOperands operands, int rowCount, int columnCount)
    {
        int done = 0;
        if (path == SimdPath.Vector512)
        {
            done = TileKernel<Vector512Lanes, Vector512<float>>.Run(operands, rowCount, 0, columnCount);
        }

        if (path >= SimdPath.Vector256 && done < columnCount)
        {
            done = TileKernel<Vector256Lanes, Vector256<float>>.Run(operands, rowCount, done, columnCount);
        }

        if (done < columnCount)
        {
            TileKernel<ScalarLanes, float>.Run(operands, rowCount, done, columnCount);
        }
    }

    private static void RequireMatrix(int length, int rowCount, int columnCount, int stride, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rowCount);
        ArgumentOutOfRangeException.ThrowIfNegative(columnCount);
        long needed = rowCount == 0 ? 0 : ((rowCount - 1L) * stride) + columnCount;
        if (stride < columnCount || length < needed)
        {
            throw new ArgumentException(
                $"A matrix of {rowCount} × {columnCount} with stride {stride} does not fit {length} floats.", name);
        }
    }
}
