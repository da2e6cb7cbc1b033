namespace KvCluster.Inference.Backends.Cpu;

/// <summary>silu(gate) * up, in place of gate.</summary>
internal sealed unsafe class GateJob(StepPlan plan, Activations activations) : RowJob(minRowsPerTask: 2)
{
    public void Run(ComputePool pool) => RunRows(pool, plan.RowCount);

    protected override void ExecuteRow(int row)
    {
        float* gate = activations.GateUp + (2L * row * activations.GateWidth);
        RowMath.SiluTimes(gate, gate + activations.GateWidth, activations.GateWidth);
    }
}
