using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Up to twelve rows times one panel in 512-bit vectors: the same chains as <see cref="TileKernel256"/>, so the same bits. Correct,
/// but slow, where the hardware lacks AVX-512.
/// </summary>
internal static unsafe class TileKernel512
{
    public const int MaxRowCount = 12;

    /// <summary>From this many rows on there are enough chains in flight to beat 256-bit tiles.</summary>
    public const int MinRowCount = 7;

    /// <summary>Seven to twelve rows times one panel; <paramref name="bias"/> (or null) is added when the chain is done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void OnePanel<TPanel, TRows>(in Tile tile, byte* panel, float* c, float* bias)
        where TPanel : struct, IPanelReader
        where TRows : struct, IRowCount
    {
        float* a0 = tile.Rows;
        nint lda = tile.RowStrideA;
        nint ldc = tile.RowStrideC;
        nint lda3 = 3 * lda;
        float* a4 = a0 + (4 * lda);
        float* a8 = a4 + (4 * lda);
        Vector512<float> c0 = default;
        Vector512<float> c1 = default;
        Vector512<float> c2 = default;
        Vector512<float> c3 = default;
        Vector512<float> c4 = default;
        Vector512<float> c5 = default;
        Vector512<float> c6 = default;
        Vector512<float> c7 = default;
        Vector512<float> c8 = default;
        Vector512<float> c9 = default;
        Vector512<float> c10 = default;
        Vector512<float> c11 = default;
        if (tile.Resumes)
        {
            c0 = Vector512.Load(c);
            c1 = Vector512.Load(c + ldc);
            c2 = Vector512.Load(c + (2 * ldc));
            c3 = Vector512.Load(c + (3 * ldc));
            c4 = Vector512.Load(c + (4 * ldc));
            c5 = Vector512.Load(c + (5 * ldc));
            c6 = Vector512.Load(c + (6 * ldc));
            if (TRows.Count > 7)
            {
                c7 = Vector512.Load(c + (7 * ldc));
            }

            if (TRows.Count > 8)
            {
                c8 = Vector512.Load(c + (8 * ldc));
            }

            if (TRows.Count > 9)
            {
                c9 = Vector512.Load(c + (9 * ldc));
            }

            if (TRows.Count > 10)
            {
                c10 = Vector512.Load(c + (10 * ldc));
            }

            if (TRows.Count > 11)
            {
                c11 = Vector512.Load(c + (11 * ldc));
            }
        }

        nint depth = tile.Depth;
        for (nint k = 0; k < depth; k++)
        {
            TPanel.Load(panel, out Vector256<float> low, out Vector256<float> high);
            Vector512<float> w = Vector512.Create(low, high);
            panel += TPanel.RowSizeBytes;
            c0 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[k]), w, c0);
            c1 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[k + lda]), w, c1);
            c2 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[k + (2 * lda)]), w, c2);
            c3 = Vector512.FusedMultiplyAdd(Vector512.Create(a0[k + lda3]), w, c3);
            c4 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[k]), w, c4);
            c5 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[k + lda]), w, c5);
            c6 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[k + (2 * lda)]), w, c6);
            if (TRows.Count > 7)
            {
                c7 = Vector512.FusedMultiplyAdd(Vector512.Create(a4[k + lda3]), w, c7);
            }

            if (TRows.Count > 8)
            {
                c8 = Vector512.FusedMultiplyAdd(Vector512.Create(a8[k]), w, c8);
            }

            if (TRows.Count > 9)
            {
                c9 = Vector512.FusedMultiplyAdd(Vector512.Create(a8[k + lda]), w, c9);
            }

            if (TRows.Count > 10)
            {
                c10 = Vector512.FusedMultiplyAdd(Vector512.Create(a8[k + (2 * lda)]), w, c10);
            }

            if (TRows.Count > 11)
            {
                c11 = Vector512.FusedMultiplyAdd(Vector512.Create(a8[k + lda3]), w, c11);
            }
        }

        Vector512<float> b = bias == null ? default : Vector512.Load(bias);
        bool adds = bias != null;
        Store(c, c0, b, adds);
        Store(c + ldc, c1, b, adds);
        Store(c + (2 * ldc), c2, b, adds);
        Store(c + (3 * ldc), c3, b, adds);
        Store(c + (4 * ldc), c4, b, adds);
        Store(c + (5 * ldc), c5, b, adds);
        Store(c + (6 * ldc), c6, b, adds);
        if (TRows.Count > 7)
        {
            Store(c + (7 * ldc), c7, b, adds);
        }

        if (TRows.Count > 8)
        {
            Store(c + (8 * ldc), c8, b, adds);
        }

        if (TRows.Count > 9)
        {
            Store(c + (9 * ldc), c9, b, adds);
        }

        if (TRows.Count > 10)
        {
            Store(c + (10 * ldc), c10, b, adds);
        }

        if (TRows.Count > 11)
        {
            Store(c + (11 * ldc), c11, b, adds);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> value, Vector512<float> bias, bool adds) =>
        (adds ? value + bias : value).Store(c);
}
