namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Sees what goes into each layer's attention, for calibration. Called by the thread that runs the step.</summary>
internal interface ILayerObserver
{
    /// <param name="layer">Index of the layer.</param>
    /// <param name="plan">Which row is which token.</param>
    /// <param name="activations">With the step's q, k and v, before norm and rotation.</param>
    /// <param name="weights">Of the layer.</param>
    public void Observe(int layer, StepPlan plan, Activations activations, CpuLayerWeights weights);
}
