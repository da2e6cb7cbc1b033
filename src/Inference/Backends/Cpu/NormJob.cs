namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Adds the last sublayer's delta to the residual stream and normalises it for the next.</summary>
internal sealed unsafe class NormJob(StepPlan plan, Activations activations, float epsilon) : RowJob(minRowsPerTask: 8)
{
    private float[] _weight = [];
    private bool _addsDelta;
    private bool _onlyLogitsRows;

    public void Run(ComputePool pool, float[] weight, bool addsDelta)
    {
        _weight = weight;
        _addsDelta = addsDelta;
        _onlyLogitsRows = false;
        RunRows(pool, plan.RowCount);
    }

    /// <summary>The final norm, of the rows whose logits are wanted; results are contiguous in their order.</summary>
    public void RunFinal(ComputePool pool, float[] weight)
    {
        _weight = weight;
        _addsDelta = true;
        _onlyLogitsRows = true;
        RunRows(pool, plan.LogitsRows.Length);
    }

    protected override void ExecuteRow(int row)
    {
        int source = _onlyLogitsRows ? plan.LogitsRows[row] : row;
        float* x = activations.Hidden + ((long)source * activations.HiddenSize);
        if (_addsDelta)
        {
            RowMath.Add(x, activations.Delta + ((long)source * activations.DeltaStride), activations.HiddenSize);
        }

        RowMath.RmsNorm(x, _weight, epsilon, activations.Normed + ((long)row * activations.HiddenSize));
    }
}
