namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Looks for NaN and infinity in rows of logits.</summary>
internal sealed unsafe class FinitenessJob(int vocabularySize) : RowJob
{
    private float* _logits;
    private bool[] _isFinite = [];

    public ReadOnlySpan<bool> IsFinite => _isFinite;

    public void Run(ComputePool pool, float* logits, int rowCount)
    {
        if (_isFinite.Length < rowCount)
        {
            _isFinite = new bool[rowCount];
        }

        _logits = logits;
        RunRows(pool, rowCount);
    }

    protected override void ExecuteRow(int row) =>
        _isFinite[row] = RowMath.AllBelow(new ReadOnlySpan<float>(_logits + ((long)row * vocabularySize), vocabularySize), float.PositiveInfinity);
}
