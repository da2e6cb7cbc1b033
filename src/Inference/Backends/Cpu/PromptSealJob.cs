using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Encodes a layer of the Blocks that waited for the end of their prompt. A task is one Block.</summary>
internal sealed unsafe class PromptSealJob(SlabEncoder encoder, PromptSaliencyJob saliency) : ParallelJob, IDisposable
{
    private SequenceCache? _cache;
    private float* _saliency;
    private int _layer;

    public void Run(ComputePool pool, SequenceCache cache, int layer)
    {
        _cache = cache;
        _layer = layer;
        fixed (float* weights = saliency.Run(pool, cache, layer))
        {
            _saliency = weights;
            pool.Run(this, cache.BlockList.Count - cache.FirstDeferredBlock);
        }
    }

    public override void Execute(int task, int worker)
    {
        int index = _cache!.FirstDeferredBlock + task;
        KvBlock block = _cache.BlockList[index];
        ReadOnlySpan<Half> open = MemoryMarshal.Cast<byte, Half>(block.Payload(_layer));
        var weights = new ReadOnlySpan<float>(_saliency + (index * KvGeometry.BlockTokenCount), KvGeometry.BlockTokenCount);
        block.ReplaceSlab(_layer, encoder.Encode(_cache, block, _layer, open, weights));
    }

    public void Dispose() => saliency.Dispose();
}
