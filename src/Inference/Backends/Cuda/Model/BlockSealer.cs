using System.Runtime.InteropServices;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Backends.Cuda.SlabEncoding;
using KvCluster.Inference.Models;
using CpuEncoder = KvCluster.Inference.Backends.Cpu.SlabEncoder;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// Makes slabs of the Blocks that fill up. Kernels write their payloads to their pages, and for the host, which adds headers while the device goes on;
/// of <c>raw</c> the pages are the payloads. Without kernels K and V come to the host, its codec encodes them, and the payloads go to their pages.
/// </summary>
internal sealed unsafe class BlockSealer : IDisposable
{
    private const int SlabAlignment = 64;

    private readonly ModelConfig _config;
    private readonly BlockPages _pages;
    private readonly SlabEncoder? _encoder;
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
    /// <param name="cpuEncoder">That codec.</param>
    /// <param name="saliency">How the codec measures what a token matters; only kernels do that here. Null: it does not.</param>
    public BlockSealer(ModelConfig config, BlockPages pages, SlabEncoder? encoder, CpuEncoder cpuEncoder, SaliencyRule? saliency)
    {
        _saliency = saliency;
        _config = config;
        _pages = pages;
        _encoder = pages.IsRaw ? null : encoder;
        _cpuEncoder = cpuEncoder;
        int payload = _encoder?.SlabPayloadBytes ?? Math.Max(pages.OpenLayerBytes, (int)pages.Sealed.StrideBytes);
        _slotBytes = (payload + SlabAlignment - 1) & -SlabAlignment;
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
            SealedStride = (ulong)_pages.Sealed.StrideBytes,
            SlabStride = (ulong)_slotBytes,
            KvHeadCount = _config.KvHeadCount,
            GroupSize = _config.HeadCount / _config.KvHeadCount,
            ItemCount = blocks.Count,
            SoftmaxScale = 1 / MathF.Sqrt(_config.HeadSize),
        };
        _encoder.Launch(stream, work);
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
        int first = (layer & 1) * blocks.Count;
        Parallel.For(0, blocks.Count, i => SetSlab(blocks[i], layer, first + i));
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
        int layers = _config.LayerCount, count = blocks.Count;
        Begin(stream, blocks, 1, layers);
        for (int layer = 0; layer < layers; layer++)
        {
            Encode(stream, blocks, layer, layers);
            Fetch(stream, blocks, layer, layers);
        }

        stream.Synchronize();
        Parallel.For(0, layers * count, i => SetSlab(blocks[i % count], i / count, i));
        for (int i = 0; !IsLate && i < layers * count; i++)
        {
            Upload(stream, blocks[i % count], i / count, i);
        }

        stream.Synchronize();
    }

    public void Dispose()
    {
        ((IDisposable?)_memory)?.Dispose();
        ((IDisposable)_failures).Dispose();
        _slabs?.Dispose();
        _scratch?.Dispose();
        _items.Dispose();
        _written.Dispose();
        _fetched[0].Dispose();
        _fetched[1].Dispose();
        _copies.Dispose();
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
        }
    }

    private byte* Slot(int index) => _memory!.Pointer + ((long)index * _slotBytes);

    private void SetSlab(SealingBlock sealing, int layer, int slot)
    {
        if (_encoder is null)
        {
            ReadOnlySpan<Half> open = MemoryMarshal.Cast<byte, Half>(new ReadOnlySpan<byte>(Slot(slot), _pages.OpenLayerBytes));
            sealing.Block.SetSlab(layer, _cpuEncoder.Encode(sealing.Cache, sealing.Block, layer, open, default));
            return;
        }

        sealing.Block.SetSlab(layer, _cpuEncoder.Wrap(sealing.Cache, sealing.Block, layer, new ReadOnlySpan<byte>(Slot(slot), _encoder.SlabPayloadBytes)));
    }

    /// <summary>By way of the slot that its 16-bit floats were in: encoded they are fewer bytes.</summary>
    private void Upload(CudaStream stream, SealingBlock sealing, int layer, int slot)
    {
        var room = new Span<byte>(Slot(slot), (int)_pages.Sealed.StrideBytes);
        _pages.Payload.Place(sealing.Block.Payload(layer), room);
        stream.CopyToDevice(_pages.Sealed.Page(layer, sealing.Page), room);
    }

    private static void Grow(ref PinnedMemory? memory, int bytes)
    {
        if (memory is null || memory.GetSpan().Length < bytes)
        {
            ((IDisposable?)memory)?.Dispose();
            memory = new PinnedMemory(bytes + (bytes / 2));
        }
    }

    private static void Grow(ref DeviceMemory? memory, long bytes)
    {
        if (memory is null || memory.SizeBytes < bytes)
        {
            memory?.Dispose();
            memory = new DeviceMemory(bytes + (bytes / 2));
        }
    }
}
