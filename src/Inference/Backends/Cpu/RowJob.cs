namespace KvCluster.Inference.Backends.Cpu;

/// <summary>A job over rows of activations that do not touch each other.</summary>
/// <param name="minRowsPerTask">So few rows are not worth another worker.</param>
internal abstract class RowJob(int minRowsPerTask) : ParallelJob
{
    private const int MaxRowsPerTask = 32;

    private int _rowCount;
    private int _rowsPerTask;

    public sealed override void Execute(int task, int worker)
    {
        int end = Math.Min(_rowCount, (task + 1) * _rowsPerTask);
        for (int row = task * _rowsPerTask; row < end; row++)
        {
            ExecuteRow(row);
        }
    }

    protected void RunRows(ComputePool pool, int rowCount)
    {
        _rowCount = rowCount;
        _rowsPerTask = Math.Clamp((rowCount + pool.WorkerCount - 1) / pool.WorkerCount, minRowsPerTask, MaxRowsPerTask);
        pool.Run(this, (rowCount + _rowsPerTask - 1) / _rowsPerTask);
    }

    protected abstract void ExecuteRow(int row);
}
