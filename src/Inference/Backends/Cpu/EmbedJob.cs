using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Embedding rows, straight from the mapped file, and the cosines and sines of each row's position.</summary>
internal sealed unsafe class EmbedJob(TensorView embedding, float[] frequencies, StepPlan plan, Activations activations) : RowJob(minRowsPerTask: 8)
{
    public void Run(ComputePool pool) => RunRows(pool, plan.RowCount);

    protected override void ExecuteRow(int row)
    {
        int hidden = activations.HiddenSize;
        embedding.ReadRowAsSingle(plan.TokenIds[row], new Span<float>(activations.Hidden + ((long)row * hidden), hidden));
        int position = plan.Positions[row];
        int half = activations.RotaryHalf;
        for (int i = 0; i < half; i++)
        {
            (activations.Sin[(row * half) + i], activations.Cos[(row * half) + i]) = MathF.SinCos(position * frequencies[i]);
        }
    }
}
