using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Products of a few rows with panels of 16 columns in 256-bit vectors. Every element is one chain of fused multiply-adds over
/// ascending k, so no tiling, row count or instruction set changes a bit; the scalar oracle is in the tests.
/// </summary>
/// <remarks>
/// Accumulators are named locals because only those stay in registers; rows past TRows.Count are removed by the JIT. Never inlined: several
/// kernels in one method spill their row pointers in the inner loop, which halves the speed.
/// </remarks>
internal static unsafe class TileKernel256
{
    public const int MaxRowCount = 6;

    /// <summary>One to six rows times one panel; <paramref name="bias"/> (or null) is added when the chain is done.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void OnePanel<TPanel, TRows>(in Tile tile, byte* panel, float* c, float* bias)
        where TPanel : struct, IPanelReader
        where TRows : struct, IRowCount
    {
        float* a0 = tile.Rows;
        float* a1 = a0 + tile.RowStrideA;
        float* a2 = a1 + tile.RowStrideA;
        float* a3 = a2 + tile.RowStrideA;
        float* a4 = a3 + tile.RowStrideA;
        float* a5 = a4 + tile.RowStrideA;
        nint ldc = tile.RowStrideC;
        Vector256<float> c0l = default, c0h = default;
        Vector256<float> c1l = default, c1h = default;
        Vector256<float> c2l = default, c2h = default;
        Vector256<float> c3l = default, c3h = default;
        Vector256<float> c4l = default, c4h = default;
        Vector256<float> c5l = default, c5h = default;
        if (tile.Resumes)
        {
            Load(c, out c0l, out c0h);
            if (TRows.Count > 1)
            {
                Load(c + ldc, out c1l, out c1h);
            }

            if (TRows.Count > 2)
            {
                Load(c + (2 * ldc), out c2l, out c2h);
            }

            if (TRows.Count > 3)
            {
                Load(c + (3 * ldc), out c3l, out c3h);
            }

            if (TRows.Count > 4)
            {
                Load(c + (4 * ldc), out c4l, out c4h);
            }

            if (TRows.Count > 5)
            {
                Load(c + (5 * ldc), out c5l, out c5h);
            }
        }

        nint depth = tile.Depth;
        for (nint k = 0; k < depth; k++)
        {
            TPanel.Load(panel, out Vector256<float> wl, out Vector256<float> wh);
            panel += TPanel.RowSizeBytes;
            Vector256<float> x = Vector256.Create(a0[k]);
            c0l = Vector256.FusedMultiplyAdd(x, wl, c0l);
            c0h = Vector256.FusedMultiplyAdd(x, wh, c0h);
            if (TRows.Count > 1)
            {
                x = Vector256.Create(a1[k]);
                c1l = Vector256.FusedMultiplyAdd(x, wl, c1l);
                c1h = Vector256.FusedMultiplyAdd(x, wh, c1h);
            }

            if (TRows.Count > 2)
            {
                x = Vector256.Create(a2[k]);
                c2l = Vector256.FusedMultiplyAdd(x, wl, c2l);
                c2h = Vector256.FusedMultiplyAdd(x, wh, c2h);
            }

            if (TRows.Count > 3)
            {
                x = Vector256.Create(a3[k]);
                c3l = Vector256.FusedMultiplyAdd(x, wl, c3l);
                c3h = Vector256.FusedMultiplyAdd(x, wh, c3h);
            }

            if (TRows.Count > 4)
            {
                x = Vector256.Create(a4[k]);
                c4l = Vector256.FusedMultiplyAdd(x, wl, c4l);
                c4h = Vector256.FusedMultiplyAdd(x, wh, c4h);
            }

            if (TRows.Count > 5)
            {
                x = Vector256.Create(a5[k]);
                c5l = Vector256.FusedMultiplyAdd(x, wl, c5l);
                c5h = Vector256.FusedMultiplyAdd(x, wh, c5h);
            }
        }

        Store(c, c0l, c0h, bias);
        if (TRows.Count > 1)
        {
            Store(c + ldc, c1l, c1h, bias);
        }

        if (TRows.Count > 2)
        {
            Store(c + (2 * ldc), c2l, c2h, bias);
        }

        if (TRows.Count > 3)
        {
            Store(c + (3 * ldc), c3l, c3h, bias);
        }

        if (TRows.Count > 4)
        {
            Store(c + (4 * ldc), c4l, c4h, bias);
        }

        if (TRows.Count > 5)
        {
            Store(c + (5 * ldc), c5l, c5h, bias);
        }
    }

    /// <summary>One to three rows times two panels: enough chains in flight for few rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void TwoPanels<TPanel, TRows>(in Tile tile, byte* panel, nint panelStride, float* c, float* bias)
        where TPanel : struct, IPanelReader
        where TRows : struct, IRowCount
    {
        float* a0 = tile.Rows;
        float* a1 = a0 + tile.RowStrideA;
        float* a2 = a1 + tile.RowStrideA;
        nint ldc = tile.RowStrideC;
        Vector256<float> c0al = default, c0ah = default;
        Vector256<float> c0bl = default, c0bh = default;
        Vector256<float> c1al = default, c1ah = default;
        Vector256<float> c1bl = default, c1bh = default;
        Vector256<float> c2al = default, c2ah = default;
        Vector256<float> c2bl = default, c2bh = default;
        if (tile.Resumes)
        {
            Load(c, out c0al, out c0ah);
            Load(c + 16, out c0bl, out c0bh);
            if (TRows.Count > 1)
            {
                Load(c + ldc, out c1al, out c1ah);
                Load(c + ldc + 16, out c1bl, out c1bh);
            }

            if (TRows.Count > 2)
            {
                Load(c + (2 * ldc), out c2al, out c2ah);
                Load(c + (2 * ldc) + 16, out c2bl, out c2bh);
            }
        }

        nint depth = tile.Depth;
        for (nint k = 0; k < depth; k++)
        {
            TPanel.Load(panel, out Vector256<float> wal, out Vector256<float> wah);
            TPanel.Load(panel + panelStride, out Vector256<float> wbl, out Vector256<float> wbh);
            panel += TPanel.RowSizeBytes;
            Vector256<float> x = Vector256.Create(a0[k]);
            c0al = Vector256.FusedMultiplyAdd(x, wal, c0al);
            c0ah = Vector256.FusedMultiplyAdd(x, wah, c0ah);
            c0bl = Vector256.FusedMultiplyAdd(x, wbl, c0bl);
            c0bh = Vector256.FusedMultiplyAdd(x, wbh, c0bh);
            if (TRows.Count > 1)
            {
                x = Vector256.Create(a1[k]);
                c1al = Vector256.FusedMultiplyAdd(x, wal, c1al);
                c1ah = Vector256.FusedMultiplyAdd(x, wah, c1ah);
                c1bl = Vector256.FusedMultiplyAdd(x, wbl, c1bl);
                c1bh = Vector256.FusedMultiplyAdd(x, wbh, c1bh);
            }

            if (TRows.Count > 2)
            {
                x = Vector256.Create(a2[k]);
                c2al = Vector256.FusedMultiplyAdd(x, wal, c2al);
                c2ah = Vector256.FusedMultiplyAdd(x, wah, c2ah);
                c2bl = Vector256.FusedMultiplyAdd(x, wbl, c2bl);
                c2bh = Vector256.FusedMultiplyAdd(x, wbh, c2bh);
            }
        }

        Store(c, c0al, c0ah, bias);
        Store(c + 16, c0bl, c0bh, bias == null ? null : bias + 16);
        if (TRows.Count > 1)
        {
            Store(c + ldc, c1al, c1ah, bias);
            Store(c + ldc + 16, c1bl, c1bh, bias == null ? null : bias + 16);
        }

        if (TRows.Count > 2)
        {
            Store(c + (2 * ldc), c2al, c2ah, bias);
            Store(c + (2 * ldc) + 16, c2bl, c2bh, bias == null ? null : bias + 16);
        }
    }

    /// <summary>One row times four panels.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void FourPanels<TPanel>(in Tile tile, byte* panel, nint panelStride, float* c, float* bias)
        where TPanel : struct, IPanelReader
    {
        float* a0 = tile.Rows;
        Vector256<float> c0al = default, c0ah = default;
        Vector256<float> c0bl = default, c0bh = default;
        Vector256<float> c0cl = default, c0ch = default;
        Vector256<float> c0dl = default, c0dh = default;
        if (tile.Resumes)
        {
            Load(c, out c0al, out c0ah);
            Load(c + 16, out c0bl, out c0bh);
            Load(c + 32, out c0cl, out c0ch);
            Load(c + 48, out c0dl, out c0dh);
        }

        nint depth = tile.Depth;
        for (nint k = 0; k < depth; k++)
        {
            TPanel.Load(panel, out Vector256<float> wal, out Vector256<float> wah);
            TPanel.Load(panel + panelStride, out Vector256<float> wbl, out Vector256<float> wbh);
            TPanel.Load(panel + (2 * panelStride), out Vector256<float> wcl, out Vector256<float> wch);
            TPanel.Load(panel + (3 * panelStride), out Vector256<float> wdl, out Vector256<float> wdh);
            Fetch(panel + (4 * panelStride), panelStride);
            panel += TPanel.RowSizeBytes;
            Vector256<float> x = Vector256.Create(a0[k]);
            c0al = Vector256.FusedMultiplyAdd(x, wal, c0al);
            c0ah = Vector256.FusedMultiplyAdd(x, wah, c0ah);
            c0bl = Vector256.FusedMultiplyAdd(x, wbl, c0bl);
            c0bh = Vector256.FusedMultiplyAdd(x, wbh, c0bh);
            c0cl = Vector256.FusedMultiplyAdd(x, wcl, c0cl);
            c0ch = Vector256.FusedMultiplyAdd(x, wch, c0ch);
            c0dl = Vector256.FusedMultiplyAdd(x, wdl, c0dl);
            c0dh = Vector256.FusedMultiplyAdd(x, wdh, c0dh);
        }

        Store(c, c0al, c0ah, bias);
        Store(c + 16, c0bl, c0bh, bias == null ? null : bias + 16);
        Store(c + 32, c0cl, c0ch, bias == null ? null : bias + 32);
        Store(c + 48, c0dl, c0dh, bias == null ? null : bias + 48);
    }

    /// <summary>Asks for a row of the four panels after these: a lone row waits for memory, and the processor's own prefetching ends with a page.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fetch(byte* panel, nint panelStride)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(panel);
            Sse.Prefetch1(panel + panelStride);
            Sse.Prefetch1(panel + (2 * panelStride));
            Sse.Prefetch1(panel + (3 * panelStride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(float* c, out Vector256<float> low, out Vector256<float> high)
    {
        low = Vector256.Load(c);
        high = Vector256.Load(c + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector256<float> low, Vector256<float> high, float* bias)
    {
        if (bias != null)
        {
            low += Vector256.Load(bias);
            high += Vector256.Load(bias + 8);
        }

        low.Store(c);
        high.Store(c + 8);
    }
}
