namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Looks for NaN and infinity in rows of logits.</summary>
internal sealed unsafe class FinitenessJob(int vocabularySize) : RowJob(minRowsPerTask: 4)
{
    private float* _logits;
    private int _stride;
    private bool[] _isFinite = [];

    public ReadOnlySpan<bool> IsFinite => _isFinite;

    public void Run(ComputePool pool, float* logits, int stride, int rowCount)
    {
        if (_isFinite.Length < rowCount)
        {
            _isFinite = new bool[rowCount];
        }

        _logits = logits;
        _stride = stride;
        RunRows(pool, rowCount);
    }

    protected override void ExecuteRow(int row) =>
        _isFinite[row] = RowMath.AllBelow(new ReadOnlySpan<float>(_logits + ((long)row * _stride), vocabularySize), float.PositiveInfinity);
}
