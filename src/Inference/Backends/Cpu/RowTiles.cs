namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Cuts rows into tiles of nearly equal height and picks the kernel for each.</summary>
internal static unsafe class RowTiles
{
    /// <summary>Any number of rows times one panel.</summary>
    public static void OnePanel<TPanel>(in Tile tile, int rowCount, byte* panel, float* c, float* bias)
        where TPanel : struct, IPanelReader
    {
        int tileCount = (rowCount + TileKernel256.MaxRowCount - 1) / TileKernel256.MaxRowCount;
        int height = rowCount / tileCount;
        int higherCount = rowCount % tileCount;
        Tile at = tile;
        for (int i = 0; i < tileCount; i++)
        {
            int rows = height + (i < higherCount ? 1 : 0);
            switch (rows)
            {
                case 1: TileKernel256.OnePanel<TPanel, RowCounts.One>(at, panel, c, bias); break;
                case 2: TileKernel256.OnePanel<TPanel, RowCounts.Two>(at, panel, c, bias); break;
                case 3: TileKernel256.OnePanel<TPanel, RowCounts.Three>(at, panel, c, bias); break;
                case 4: TileKernel256.OnePanel<TPanel, RowCounts.Four>(at, panel, c, bias); break;
                case 5: TileKernel256.OnePanel<TPanel, RowCounts.Five>(at, panel, c, bias); break;
                default: TileKernel256.OnePanel<TPanel, RowCounts.Six>(at, panel, c, bias); break;
            }

            at = at with { A = at.A + (rows * tile.RowStrideA * sizeof(float)) };
            c += rows * tile.RowStrideC;
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
