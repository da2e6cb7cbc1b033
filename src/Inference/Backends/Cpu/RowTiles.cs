using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Cuts rows into tiles of nearly equal height and picks the kernel for each.</summary>
internal static unsafe class RowTiles
{
    /// <summary>Any number of rows times one panel, with the widest vectors of the hardware.</summary>
    public static void OnePanel<TPanel>(in Tile tile, int rowCount, byte* panel, float* c, float* bias)
        where TPanel : struct, IPanelReader =>
        OnePanel<TPanel>(tile, rowCount, panel, c, bias, Vector512.IsHardwareAccelerated);

    /// <summary>The same with the choice of the caller, for tests.</summary>
    public static void OnePanel<TPanel>(in Tile tile, int rowCount, byte* panel, float* c, float* bias, bool uses512)
        where TPanel : struct, IPanelReader
    {
        int maxHeight = uses512 && rowCount >= TileKernel512.MinRowCount ? TileKernel512.MaxRowCount : TileKernel256.MaxRowCount;
        int tileCount = (rowCount + maxHeight - 1) / maxHeight;
        int height = rowCount / tileCount;
        int higherCount = rowCount % tileCount;
        Tile at = tile;
        for (int i = 0; i < tileCount; i++)
        {
            int rows = height + (i < higherCount ? 1 : 0);
            if (tileCount > 1)
            {
                Fetch(tile, i, tileCount);
            }

            switch (rows)
            {
                case 1: TileKernel256.OnePanel<TPanel, RowCounts.One>(at, panel, c, bias); break;
                case 2: TileKernel256.OnePanel<TPanel, RowCounts.Two>(at, panel, c, bias); break;
                case 3: TileKernel256.OnePanel<TPanel, RowCounts.Three>(at, panel, c, bias); break;
                case 4: TileKernel256.OnePanel<TPanel, RowCounts.Four>(at, panel, c, bias); break;
                case 5: TileKernel256.OnePanel<TPanel, RowCounts.Five>(at, panel, c, bias); break;
                case 6: TileKernel256.OnePanel<TPanel, RowCounts.Six>(at, panel, c, bias); break;
                case 7: TileKernel512.OnePanel<TPanel, RowCounts.Seven>(at, panel, c, bias); break;
                case 8: TileKernel512.OnePanel<TPanel, RowCounts.Eight>(at, panel, c, bias); break;
                case 9: TileKernel512.OnePanel<TPanel, RowCounts.Nine>(at, panel, c, bias); break;
                case 10: TileKernel512.OnePanel<TPanel, RowCounts.Ten>(at, panel, c, bias); break;
                case 11: TileKernel512.OnePanel<TPanel, RowCounts.Eleven>(at, panel, c, bias); break;
                default: TileKernel512.OnePanel<TPanel, RowCounts.Twelve>(at, panel, c, bias); break;
            }

            at = at with { A = at.A + (rows * tile.RowStrideA * sizeof(float)) };
            c += rows * tile.RowStrideC;
        }
    }

    /// <summary>Spreads the fetching of what comes next over the tiles, so that none waits for memory.</summary>
    private static void Fetch(in Tile tile, int index, int tileCount)
    {
        const int LineSizeBytes = 64;
        if (!Sse.IsSupported)
        {
            return;
        }

        int lineCount = tile.UpcomingSizeBytes / LineSizeBytes;
        int end = (index + 1) * lineCount / tileCount;
        for (int line = index * lineCount / tileCount; line < end; line++)
        {
            Sse.Prefetch1((byte*)tile.Upcoming + (line * LineSizeBytes));
        }
    }

    /// <summary>One row times four panels, two or three rows times two.</summary>
    public static void SeveralPanels<TPanel>(in Tile tile, int rowCount, byte* panel, nint panelStride, float* c, float* bias)
        where TPanel : struct, IPanelReader
    {
        switch (rowCount)
        {
            case 1: TileKernel256.FourPanels<TPanel>(tile, panel, panelStride, c, bias); break;
            case 2: TileKernel256.TwoPanels<TPanel, RowCounts.Two>(tile, panel, panelStride, c, bias); break;
            default: TileKernel256.TwoPanels<TPanel, RowCounts.Three>(tile, panel, panelStride, c, bias); break;
        }
    }
}
