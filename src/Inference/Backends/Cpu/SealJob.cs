using System.Diagnostics;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Encodes a layer of the Blocks that fill up. A task is one Block.</summary>
/// <param name="plan">The step.</param>
/// <param name="activations">With the open layers of Blocks that are filled and sealed in one step.</param>
/// <param name="encoder">Makes the slabs.</param>
/// <param name="probes">Null when the codec wants no saliency.</param>
/// <param name="saliency">One a worker; empty without probes.</param>
internal sealed class SealJob(StepPlan plan, Activations activations, SlabEncoder encoder, ProbeCapture? probes, BlockSaliency[] saliency)
    : ParallelJob, IDisposable
{
    private int _layer;

    /// <summary>Spent in all calls of <see cref="Run"/>, saliency included. For measurement.</summary>
    public TimeSpan Elapsed { get; private set; }

    public void Run(ComputePool pool, int layer, CpuLayerWeights weights)
    {
        long start = Stopwatch.GetTimestamp();
        _layer = layer;
        probes?.Gather(layer, weights);
        pool.Run(this, plan.Sealing.Length);
        probes?.Keep(layer, weights);
        Elapsed += Stopwatch.GetElapsedTime(start);
    }

    public override void Execute(int task, int worker)
    {
        ref readonly StepSegment segment = ref plan.Segments[plan.Sealing[task]];
        SequenceCache cache = segment.Cache;
        KvBlock block = segment.Sealed!;
        ReadOnlySpan<Half> open = segment.Slot < 0 ? cache.OpenLayer(_layer) : activations.Slot(segment.Slot);
        if (segment.BlockIndex >= cache.FirstDeferredBlock)
        {
            block.SetSlab(_layer, SlabEncoder.Keep(cache, open));
            return;
        }

        ReadOnlySpan<float> weights = probes is null ? default : saliency[worker].Compute(_layer, segment.BlockIndex, open, probes.Sealing(task));
        block.SetSlab(_layer, encoder.Encode(cache, block, _layer, open, weights));
    }

    public void Dispose()
    {
        foreach (BlockSaliency scratch in saliency)
        {
            scratch.Dispose();
        }
    }
}
