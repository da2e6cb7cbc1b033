namespace KvCluster.Inference.Backends.Cpu;

/// <summary>A job over rows of activations that do not touch each other.</summary>
internal abstract class RowJob : ParallelJob
{
    private const int RowsPerTask = 32;

    private int _rowCount;

    public sealed override void Execute(int task, int worker)
    {
        int end = Math.Min(_rowCount, (task + 1) * RowsPerTask);
        for (int row = task * RowsPerTask; row < end; row++)
        {
            ExecuteRow(row);
        }
    }

    protected void RunRows(ComputePool pool, int rowCount)
    {
        _rowCount = rowCount;
        pool.Run(this, (rowCount + RowsPerTask - 1) / RowsPerTask);
    }

    protected abstract void ExecuteRow(int row);
}
