using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Projection;

/// <summary><see cref="TileMultiply"/> for matrices larger than the first-level cache: B is taken in tiles of 64 × 64.</summary>
internal static unsafe class BlockedMultiply
{
    private const int TileSize = 64;

    /// <summary>C[m×n] += A[m×k]·B[k×n]; each element one chain of fused multiply-adds over k in ascending order.</summary>
    public static void Add(MatrixView a, int rowCount, MatrixView b, int columnCount, MatrixView c, int depth)
    {
        for (int p = 0; p < depth; p += TileSize)
        {
            int tileDepth = Math.Min(TileSize, depth - p);
            for (int j = 0; j < columnCount; j += TileSize)
            {
                TileMultiply.Multiply(
                    a.Start + p, a.Stride, b.Start + ((nint)p * b.Stride) + j, b.Stride, c.Start + j, c.Stride,
                    rowCount, Math.Min(TileSize, columnCount - j), tileDepth, accumulate: true);
            }
        }
    }
}
