using System.Runtime.InteropServices;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// Encodes Blocks whose K and V (and probes) came to the host, with the saliency that the CPU backend measures, and puts into their place what their
/// pages are to hold. A task is one layer of one Block.
/// </summary>
internal sealed unsafe class HostSealJob : ParallelJob, IDisposable
{
    private const int SlotAlignment = 64;

    private readonly BlockPages _pages;
    private readonly SlabEncoder _encoder;
    private readonly BlockSaliency[] _saliency;
    private readonly int _probeBytes;
    private List<SealingBlock> _blocks = [];
    private int _firstLayer;
    private byte* _slots;

    public HostSealJob(ModelConfig config, KvCodec codec, BlockPages pages)
    {
        _pages = pages;
        _encoder = new SlabEncoder(codec);
        var openCodec = new RawCodec(codec.Geometry);
        _saliency = codec.Saliency is { } rule
            ? [.. Enumerable.Range(0, ComputePool.Shared.WorkerCount).Select(_ => new BlockSaliency(config, openCodec, rule))]
            : [];
        _probeBytes = (int)(pages.Probes?.StrideBytes ?? 0);
        ProbesAt = (Math.Max(pages.OpenLayerBytes, (int)pages.Sealed.StrideBytes) + SlotAlignment - 1) & -SlotAlignment;
    }

    /// <summary>Bytes of a slot: K and V of an open layer, later the contents of its page; then its probes.</summary>
    public int SlotBytes => (ProbesAt + _probeBytes + SlotAlignment - 1) & -SlotAlignment;

    /// <summary>Where a slot has its probes: [probe][query head][head size] in 16 bits.</summary>
    public int ProbesAt { get; }

    /// <param name="blocks">Each gets the slab of each of the layers.</param>
    /// <param name="firstLayer">The first layer.</param>
    /// <param name="layerCount">How many.</param>
    /// <param name="slots">[layers][blocks][<see cref="SlotBytes"/>].</param>
    public void Run(List<SealingBlock> blocks, int firstLayer, int layerCount, byte* slots)
    {
        _blocks = blocks;
        _firstLayer = firstLayer;
        _slots = slots;
        ComputePool.Shared.Run(this, layerCount * blocks.Count);
    }

    public override void Execute(int task, int worker)
    {
        SealingBlock sealing = _blocks[task % _blocks.Count];
        int layer = _firstLayer + (task / _blocks.Count);
        byte* slot = _slots + ((long)task * SlotBytes);
        ReadOnlySpan<Half> open = new(slot, _pages.OpenLayerBytes / sizeof(ushort));
        if (sealing.IsDeferred)
        {
            sealing.Block.SetSlab(layer, SlabEncoder.Keep(sealing.Cache, open));
            return;
        }

        ReadOnlySpan<Half> probes = MemoryMarshal.Cast<byte, Half>(new ReadOnlySpan<byte>(slot + ProbesAt, _probeBytes));
        ReadOnlySpan<float> saliency = _saliency.Length == 0 ? default : _saliency[worker].Compute(layer, sealing.Index, open, probes);
        sealing.Block.SetSlab(layer, _encoder.Encode(sealing.Cache, sealing.Block, layer, open, saliency));
        if (!_pages.IsRaw)
        {
            _pages.Contents.Write(layer, sealing.Block.Payload(layer), new Span<byte>(slot, ProbesAt));
        }
    }

    public void Dispose()
    {
        foreach (BlockSaliency scratch in _saliency)
        {
            scratch.Dispose();
        }
    }
}
