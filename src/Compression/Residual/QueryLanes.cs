using System.Runtime.CompilerServices;

namespace KvCluster.Compression.Residual;

/// <summary>Rows of queries to [length][lanes], so that a vector holds one element of 8 queries, and back.</summary>
internal static unsafe class QueryLanes
{
    private const int Group = 8;

    /// <param name="rows">[rowCount][stride].</param>
    /// <param name="stride">Floats from row to row.</param>
    /// <param name="rowCount">From 1 to <paramref name="lanes"/>.</param>
    /// <param name="length">Floats of a row; multiple of 8.</param>
    /// <param name="lanes">Multiple of 8. Those past the rows become 0.</param>
    /// <param name="staging">8 · <paramref name="length"/> floats.</param>
    /// <param name="side">[length][lanes].</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Load(float* rows, nint stride, int rowCount, int length, nint lanes, float* staging, float* side)
    {
        for (nint first = 0; first < lanes; first += Group)
        {
            float* source = rows + (first * stride);
            nint sourceStride = stride;
            if (rowCount - first < Group)
            {
                Stage(source, stride, (int)(rowCount - first), length, staging);
                source = staging;
                sourceStride = length;
            }

            for (nint i = 0; i < length; i += Group)
            {
                Transpose8.Copy(source + i, sourceStride, side + (i * lanes) + first, lanes);
            }
        }
    }

    /// <summary>The way back: rows past the last are left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Store(float* side, nint lanes, int length, float* staging, float* rows, nint stride, int rowCount)
    {
        for (nint first = 0; first < rowCount; first += Group)
        {
            bool isWhole = rowCount - first >= Group;
            float* destination = isWhole ? rows + (first * stride) : staging;
            for (nint i = 0; i < length; i += Group)
            {
                Transpose8.Copy(side + (i * lanes) + first, lanes, destination + i, isWhole ? stride : length);
            }

            for (nint row = first; !isWhole && row < rowCount; row++)
            {
                new ReadOnlySpan<float>(staging + ((row - first) * length), length).CopyTo(new Span<float>(rows + (row * stride), length));
            }
        }
    }

    private static void Stage(float* rows, nint stride, int rowCount, int length, float* staging)
    {
        for (nint row = 0; row < Group; row++)
        {
            var destination = new Span<float>(staging + (row * length), length);
            if (row < rowCount)
            {
                new ReadOnlySpan<float>(rows + (row * stride), length).CopyTo(destination);
            }
            else
            {
                destination.Clear();
            }
        }
    }
}
