using System.Runtime.InteropServices;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;
using KvCluster.Inference.Models;
using CpuEncoder = KvCluster.Inference.Backends.Cpu.SlabEncoder;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// Makes slabs of the Blocks that fill up. Kernels write their payloads to their pages, and for the host, which adds headers while the device goes on;
/// of <c>raw</c> the pages are the payloads. Without kernels K and V come to the host, its codec encodes them (<see cref="HostSealJob"/>), and what pages
/// hold of that goes back, before attention needs it.
/// </summary>
internal sealed unsafe class BlockSealer : IDisposable
{
    private const int SlabAlignment = 64;

    /// <summary>Slots of all layers at once: many Sequences may fill a Block in one step, and their slots are pinned memory.</summary>
    private const int MaxSlotBytes = 512 << 20;

    private readonly ModelConfig _config;
    private readonly BlockPages _pages;
    private readonly IBlockEncoder? _encoder;
    private readonly HostSealJob _hostSeal;
    private readonly CpuEncoder _cpuEncoder;
    private readonly CudaStream _copies = new();
    private readonly CudaEvent _written = new();
    private readonly CudaEvent[] _fetched = [new CudaEvent(), new CudaEvent()];
    private readonly DeviceTables _items = new();
    private readonly SaliencyRule? _saliency;
    private readonly int _slotBytes;
    private PinnedMemory? _memory;
    private PinnedMemory _failures = new(1 << 16);
    private DeviceMemory? _slabs;
    private DeviceMemory? _scratch;
    private ulong _itemsAt;
    private int _rows;

    /// <param name="config">Of the model.</param>
    /// <param name="pages">Of its Blocks.</param>
    /// <param name="encoder">Null: the host's codec encodes.</param>
    /// <param name="codec">That codec.</param>
    public BlockSealer(ModelConfig config, BlockPages pages, IBlockEncoder? encoder, KvCodec codec)
    {
        _saliency = codec.Saliency;
        _config = config;
        _pages = pages;
        _encoder = pages.IsRaw ? null : encoder;
        _cpuEncoder = new CpuEncoder(codec);
        _hostSeal = new HostSealJob(config, codec, pages);
        _slotBytes = _encoder is null ? _hostSeal.SlotBytes : (Enumerable.Range(0, config.LayerCount).Max(_encoder.SlabPayloadBytes) + SlabAlignment - 1) & -SlabAlignment;
    }

    /// <summary>Slabs of a layer can be finished while the device goes on.</summary>
    public bool IsLate => _pages.IsRaw || _encoder is not null;

    /// <summary>Of a layer that <see cref="Finish"/> has seen last: by row the first layer in which a value did not fit.</summary>
    public ReadOnlySpan<int> Failures(int layer) => new((int*)_failures.Pointer + ((layer & 1) * _rows), _rows);

    /// <summary>Before the first layer of a step.</summary>
    /// <param name="stream">Queues what is needed.</param>
    /// <param name="blocks">That fill up; at least one.</param>
    /// <param name="rows">Of the step.</param>
    /// <param name="keptLayers">Layers whose slabs are fetched before the first of them is finished.</param>
    public void Begin(CudaStream stream, List<SealingBlock> blocks, int rows, int keptLayers)
    {
        _rows = rows;
        Grow(ref _failures!, 2 * rows * sizeof(int));
        Grow(ref _memory, keptLayers * blocks.Count * _slotBytes);
        if (_encoder is null)
        {
            return;
        }

        Grow(ref _slabs, (long)keptLayers * blocks.Count * _slotBytes);
        Grow(ref _scratch, _encoder.ScratchBytes(blocks.Count));
        Span<EncodeItem> items = blocks.Count <= 64 ? stackalloc EncodeItem[blocks.Count] : new EncodeItem[blocks.Count];
        for (int i = 0; i < items.Length; i++)
        {
            SealingBlock block = blocks[i];
            items[i] = new EncodeItem
            {
                Source = block.Open,
                IsOpen = 1,
                Pooled = block.Page,
                Slab = i,
                Probes = _encoder.Probes(block.Index),
                Queries = _saliency is null ? EncodeItem.None : block.Open,
            };
        }

        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(items);
        _items.Begin(bytes.Length);
        _itemsAt = _items.Add(bytes);
        _items.Copy(stream);
    }

    /// <summary>Queues the encoding of a layer; its K and V are in their 16-bit pages.</summary>
    public void Encode(CudaStream stream, List<SealingBlock> blocks, int layer, int keptLayers)
    {
        if (_encoder is null)
        {
            return;
        }

        var work = new EncodeWork
        {
            Open = _pages.Open.Layer(layer),
            Queries = _pages.Probes?.Layer(layer) ?? 0,
            QueriesStride = (ulong)(_pages.Probes?.StrideBytes ?? 0) / sizeof(ushort),
            Norm = _saliency?.Norm ?? default,
            Sealed = _pages.Sealed.Layer(layer),
            Slabs = _slabs!.Address + (ulong)((long)(layer % keptLayers) * blocks.Count * _slotBytes),
            Items = _itemsAt,
            Scratch = _scratch!.Address,
            OpenStride = (ulong)_pages.Open.StrideBytes,
            SealedStride = (ulong)_pages.Sealed.StrideOf(layer),
            SlabStride = (ulong)_slotBytes,
            KvHeadCount = _config.KvHeadCount,
            GroupSize = _config.HeadCount / _config.KvHeadCount,
            ItemCount = blocks.Count,
            SoftmaxScale = 1 / MathF.Sqrt(_config.HeadSize),
        };
        _encoder.Launch(stream, layer, work);
    }

    /// <summary>Starts to bring a layer to the host, beside the stream that has queued what writes it.</summary>
    public void Fetch(CudaStream stream, List<SealingBlock> blocks, int layer, ulong failures)
    {
        _written.Record(stream);
        _copies.WaitFor(_written);
        Fetch(_copies, blocks, layer, keptLayers: 2);
        _copies.CopyToHost(_failures.Pointer + ((layer & 1) * _rows * sizeof(int)), failures, _rows * sizeof(int));
        _fetched[layer & 1].Record(_copies);
    }

    /// <summary>Waits for what <see cref="Fetch(CudaStream, List{SealingBlock}, int, ulong)"/> has begun, and gives every Block its slab of the layer.</summary>
    public void Finish(List<SealingBlock> blocks, int layer)
    {
        _fetched[layer & 1].Synchronize();
        SetSlabs(blocks, layer, 1, (layer & 1) * blocks.Count);
    }

    /// <summary>After <see cref="Finish"/>, where the host has encoded: the payloads to their pages, before what the stream queues next.</summary>
    public void Upload(CudaStream stream, List<SealingBlock> blocks, int layer)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            Upload(stream, blocks[i], layer, ((layer & 1) * blocks.Count) + i);
        }
    }

    /// <summary>All layers, after the step that filled the Blocks; waits for the device.</summary>
    public void SealAllLayers(CudaStream stream, List<SealingBlock> blocks)
    {
        int most = (int)Math.Max(1, MaxSlotBytes / ((long)_config.LayerCount * _slotBytes));
        for (int first = 0; first < blocks.Count; first += most)
        {
            SealPart(stream, blocks.Count <= most ? blocks : blocks.GetRange(first, Math.Min(most, blocks.Count - first)));
        }
    }

    public void Dispose()
    {
        ((IDisposable?)_memory)?.Dispose();
        ((IDisposable?)_failures)?.Dispose();
        _slabs?.Dispose();
        _scratch?.Dispose();
        _items.Dispose();
        _hostSeal.Dispose();
        _written.Dispose();
        _fetched[0].Dispose();
        _fetched[1].Dispose();
        _copies.Dispose();
    }

    private void SealPart(CudaStream stream, List<SealingBlock> blocks)
    {
        int layers = _config.LayerCount, count = blocks.Count;
        Begin(stream, blocks, 1, layers);
        for (int layer = 0; layer < layers; layer++)
        {
            Encode(stream, blocks, layer, layers);
            Fetch(stream, blocks, layer, layers);
        }

        stream.Synchronize();
        SetSlabs(blocks, 0, layers, 0);
        for (int i = 0; !IsLate && i < layers * count; i++)
        {
            Upload(stream, blocks[i % count], i / count, i);
        }

        stream.Synchronize();
    }

    private void Fetch(CudaStream stream, List<SealingBlock> blocks, int layer, int keptLayers)
    {
        int first = layer % keptLayers * blocks.Count;
        if (_encoder is not null)
        {
            stream.CopyToHost(Slot(first), _slabs!.Address + (ulong)((long)first * _slotBytes), (long)blocks.Count * _slotBytes);
            return;
        }

        for (int i = 0; i < blocks.Count; i++)
        {
            stream.CopyToHost(Slot(first + i), _pages.Open.Page(layer, blocks[i].Open), _pages.OpenLayerBytes);
            if (_pages.Probes is { } probes)
            {
                stream.CopyToHost(Slot(first + i) + _hostSeal.ProbesAt, probes.Page(layer, blocks[i].Open), probes.StrideBytes);
            }
        }
    }

    private byte* Slot(int index) => _memory!.Pointer + ((long)index * _slotBytes);

    /// <summary>Some layers of all Blocks, from a slot on.</summary>
    private void SetSlabs(List<SealingBlock> blocks, int firstLayer, int layerCount, int firstSlot)
    {
        if (_encoder is null)
        {
            _hostSeal.Run(blocks, firstLayer, layerCount, Slot(firstSlot));
            return;
        }

        Parallel.For(0, layerCount * blocks.Count, i =>
        {
            SealingBlock sealing = blocks[i % blocks.Count];
            int layer = firstLayer + (i / blocks.Count);
            var payload = new ReadOnlySpan<byte>(Slot(firstSlot + i), _encoder.SlabPayloadBytes(layer));
            sealing.Block.SetSlab(layer, _cpuEncoder.Wrap(sealing.Cache, sealing.Block, layer, payload));
        });
    }

    /// <summary>From the slot that its 16-bit floats came to.</summary>
    private void Upload(CudaStream stream, SealingBlock sealing, int layer, int slot) =>
        stream.CopyToDevice(_pages.Sealed.Page(layer, sealing.Page), new ReadOnlySpan<byte>(Slot(slot), (int)_pages.Sealed.StrideOf(layer)));

    private static void Grow(ref PinnedMemory? memory, int bytes)
    {
        if (memory is null || memory.GetSpan().Length < bytes)
        {
            ((IDisposable?)memory)?.Dispose();
            memory = null;
            memory = new PinnedMemory(bytes + (bytes / 2));
        }
    }

    private static void Grow(ref DeviceMemory? memory, long bytes)
    {
        if (memory is null || memory.SizeBytes < bytes)
        {
            memory?.Dispose();
            memory = null;
            memory = new DeviceMemory(bytes + (bytes / 2));
        }
    }
}
