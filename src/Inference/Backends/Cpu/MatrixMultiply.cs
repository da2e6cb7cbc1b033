namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Rows [M][depth] times a <see cref="PackedMatrix"/>, spread over a pool by columns and, for many rows, by rows.</summary>
/// <remarks>
/// For few rows each panel is streamed and decoded in registers. For many rows a piece of a panel is expanded to floats that
/// stay in the first-level cache while the rows of a block, in the second level, pass by. Both are the same chains of fused
/// multiply-adds.
/// </remarks>
internal sealed unsafe class MatrixMultiply(ComputePool pool) : ParallelJob, IDisposable
{
    /// <summary>From this many rows on, expanding a panel pays.</summary>
    private const int ExpandRowCount = 64;

    /// <summary>From this many rows on a task is a few panels, and few panels are shared out by rows too.</summary>
    private const int BlockRowCount = 24;

    private const int RowBlock = 192;
    private const int MaxDepthPiece = 384;
    private const int MaxPanelGroup = 4;

    /// <summary>So many tasks a worker even out the load; with few rows a task is short.</summary>
    private const int TasksPerWorker = 12;

    private const int ShortTasksPerWorker = 4;

    private readonly AlignedBuffer<float>[] _expanded = [.. Enumerable.Range(0, pool.WorkerCount).Select(_ => new AlignedBuffer<float>())];
    private PackedMatrix? _weights;
    private float* _a;
    private float* _c;
    private int _rowCount;
    private int _rowStrideA;
    private int _rowStrideC;
    private int _panelGroup;
    private int _groupCount;
    private int _taskCount;
    private int _rowBlock;

    /// <summary>Multiplies; the result has <see cref="PackedMatrix.PaddedColumnCount"/> columns in rows of <paramref name="rowStrideC"/>.</summary>
    public void Run(float* a, int rowStrideA, int rowCount, PackedMatrix weights, float* c, int rowStrideC)
    {
        _a = a;
        _c = c;
        _rowStrideA = rowStrideA;
        _rowStrideC = rowStrideC;
        _rowCount = rowCount;
        _weights = weights;
        if (rowCount < BlockRowCount)
        {
            int wantedTaskCount = ShortTasksPerWorker * pool.WorkerCount;
            int width = KernelWidth(rowCount);
            int perTask = (weights.PanelCount + wantedTaskCount - 1) / wantedTaskCount;
            _panelGroup = (perTask + width - 1) / width * width;
            _rowBlock = rowCount;
        }
        else
        {
            PlanBlocks(rowCount, weights.PanelCount);
        }

        _groupCount = (weights.PanelCount + _panelGroup - 1) / _panelGroup;
        int rowBlockCount = (rowCount + _rowBlock - 1) / _rowBlock;
        _taskCount = _groupCount * rowBlockCount;
        pool.Run(this, _taskCount);
    }

    public override void Execute(int task, int worker)
    {
        int place = Place(task);
        int firstPanel = place % _groupCount * _panelGroup;
        int firstRow = place / _groupCount * _rowBlock;
        int panelCount = Math.Min(_panelGroup, _weights!.PanelCount - firstPanel);
        int rowCount = Math.Min(_rowBlock, _rowCount - firstRow);
        if (_rowCount >= ExpandRowCount)
        {
            MultiplyExpanded(firstPanel, panelCount, firstRow, rowCount, worker);
        }
        else if (_weights.IsBFloat16)
        {
            MultiplyStreaming<BFloat16Panel>(firstPanel, panelCount, firstRow, rowCount);
        }
        else
        {
            MultiplyStreaming<SinglePanel>(firstPanel, panelCount, firstRow, rowCount);
        }
    }

    public void Dispose()
    {
        foreach (AlignedBuffer<float> buffer in _expanded)
        {
            buffer.Dispose();
        }
    }

    /// <summary>Makes neighbours of every n-th task, a worker's share: what is fetched ahead is then for the same core.</summary>
    private int Place(int task)
    {
        (int index, int share) = Math.DivRem(task, pool.WorkerCount);
        (int shareLength, int longerCount) = Math.DivRem(_taskCount, pool.WorkerCount);
        return (share * shareLength) + Math.Min(share, longerCount) + index;
    }

    /// <summary>Panels that the kernels for few rows take at a time.</summary>
    private static int KernelWidth(int rowCount) => rowCount == 1 ? 4 : rowCount <= 3 ? 2 : 1;

    private void PlanBlocks(int rowCount, int panelCount)
    {
        int wantedTaskCount = TasksPerWorker * pool.WorkerCount;
        _rowBlock = Math.Min(rowCount, RowBlock);
        int taskCount = (rowCount + _rowBlock - 1) / _rowBlock * panelCount;
        _panelGroup = Math.Clamp(taskCount / wantedTaskCount, 1, MaxPanelGroup);
        if (2 * taskCount <= wantedTaskCount)
        {
            _rowBlock = (_rowBlock + 1) / 2;
        }
    }

    private void MultiplyExpanded(int firstPanel, int panelCount, int firstRow, int rowCount, int worker)
    {
        PackedMatrix weights = _weights!;
        int pieceCount = (weights.Depth + MaxDepthPiece - 1) / MaxDepthPiece;
        int pieceLength = (weights.Depth + pieceCount - 1) / pieceCount;
        float* expanded = _expanded[worker].Reserve(MaxDepthPiece * PackedMatrix.PanelWidth);
        for (int start = 0; start < weights.Depth; start += pieceLength)
        {
            int depth = Math.Min(pieceLength, weights.Depth - start);
            bool isLast = start + depth == weights.Depth;
            for (int panel = firstPanel; panel < firstPanel + panelCount; panel++)
            {
                byte* piece = weights.Panel(panel) + ((long)start * weights.RowSizeBytes);
                nint upcoming = (nint)piece + (nint)weights.PanelSizeBytes;
                if (weights.IsBFloat16)
                {
                    PanelExpansion.Expand(piece, depth, expanded);
                    piece = (byte*)expanded;
                }

                fixed (float* bias = isLast ? weights.Bias : null)
                {
                    float* panelBias = bias == null ? null : bias + (panel * PackedMatrix.PanelWidth);
                    float* a = _a + ((long)firstRow * _rowStrideA) + start;
                    float* c = _c + ((long)firstRow * _rowStrideC) + (panel * PackedMatrix.PanelWidth);
                    var tile = new Tile((nint)a, _rowStrideA, _rowStrideC, depth, Resumes: start > 0)
                    {
                        Upcoming = upcoming,
                        UpcomingSizeBytes = panel + 1 < weights.PanelCount ? depth * weights.RowSizeBytes : 0,
                    };
                    RowTiles.OnePanel<SinglePanel>(tile, rowCount, piece, c, panelBias);
                }
            }
        }
    }

    private void MultiplyStreaming<TPanel>(int firstPanel, int panelCount, int firstRow, int rowCount)
        where TPanel : struct, IPanelReader
    {
        PackedMatrix weights = _weights!;
        float* a = _a + ((long)firstRow * _rowStrideA);
        int width = KernelWidth(rowCount);
        fixed (float* bias = weights.Bias)
        {
            int panel = firstPanel;
            while (panel < firstPanel + panelCount)
            {
                float* c = _c + ((long)firstRow * _rowStrideC) + (panel * PackedMatrix.PanelWidth);
                float* panelBias = bias == null ? null : bias + (panel * PackedMatrix.PanelWidth);
                byte* data = weights.Panel(panel);
                var tile = new Tile((nint)a, _rowStrideA, _rowStrideC, weights.Depth, Resumes: false)
                {
                    Upcoming = (nint)data + (nint)weights.PanelSizeBytes,
                    UpcomingSizeBytes = panel + 1 < weights.PanelCount ? (int)weights.PanelSizeBytes : 0,
                };
                if (width > 1 && panel + width <= firstPanel + panelCount)
                {
                    RowTiles.SeveralPanels<TPanel>(tile, rowCount, data, (nint)weights.PanelSizeBytes, c, panelBias);
                    panel += width;
                }
                else
                {
                    RowTiles.OnePanel<TPanel>(tile, rowCount, data, c, panelBias);
                    panel++;
                }
            }
        }
    }
}
