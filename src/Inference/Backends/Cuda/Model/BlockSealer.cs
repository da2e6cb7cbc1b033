using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Paging;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>
/// Makes slabs of the Blocks that fill up: brings their K and V in 16 bits to the host, where the codec encodes them, and the payload back to their
/// encoded pages. Of <c>raw</c>, whose pages stay as they are, that can wait while the device goes on.
/// </summary>
internal sealed unsafe class BlockSealer : IDisposable
{
    private readonly BlockPages _pages;
    private readonly PooledPayload _payload;
    private readonly SlabEncoder _encoder;
    private readonly CudaStream _copies = new();
    private readonly CudaEvent _written = new();
    private readonly CudaEvent[] _fetched = [new CudaEvent(), new CudaEvent()];
    private PinnedMemory? _memory;
    private PinnedMemory _failures = new(1 << 16);
    private int _capacity;
    private int _rows;

    public BlockSealer(BlockPages pages, PooledPayload payload, SlabEncoder encoder)
    {
        _pages = pages;
        _payload = payload;
        _encoder = encoder;
    }

    /// <summary>Of the last layer that <see cref="Encode(List{SealingBlock}, int)"/> has seen: by row the first layer in which a value did not fit.</summary>
    public ReadOnlySpan<int> Failures(int layer) => new((int*)_failures.Pointer + ((layer & 1) * _rows), _rows);

    /// <summary>Starts to bring a layer of the Blocks to the host; <paramref name="stream"/> has queued what writes them.</summary>
    public void Fetch(CudaStream stream, List<SealingBlock> blocks, int layer, ulong failures, int rows)
    {
        Reserve(2 * blocks.Count);
        if (_failures.GetSpan().Length < 2 * rows * sizeof(int))
        {
            ((IDisposable)_failures).Dispose();
            _failures = new PinnedMemory(4 * rows * sizeof(int));
        }

        _rows = rows;
        _written.Record(stream);
        _copies.WaitFor(_written);
        for (int i = 0; i < blocks.Count; i++)
        {
            _copies.CopyToHost(Slot(Half(layer, blocks.Count) + i), _pages.Open.Page(layer, blocks[i].Open), _pages.OpenLayerBytes);
        }

        _copies.CopyToHost(_failures.Pointer + ((layer & 1) * rows * sizeof(int)), failures, rows * sizeof(int));
        _fetched[layer & 1].Record(_copies);
    }

    /// <summary>Waits for what <see cref="Fetch"/> has begun, and gives every Block its slab of the layer.</summary>
    public void Encode(List<SealingBlock> blocks, int layer)
    {
        _fetched[layer & 1].Synchronize();
        int first = Half(layer, blocks.Count);
        Parallel.For(0, blocks.Count, i => Encode(blocks[i], layer, first + i));
    }

    /// <summary>After <see cref="Encode(List{SealingBlock}, int)"/>: the payloads to their pages, before what <paramref name="stream"/> queues next.</summary>
    public void Upload(CudaStream stream, List<SealingBlock> blocks, int layer)
    {
        int first = Half(layer, blocks.Count);
        for (int i = 0; i < blocks.Count; i++)
        {
            Upload(stream, blocks[i], layer, first + i);
        }
    }

    /// <summary>All layers of one Block, after the step that filled it; waits for the device.</summary>
    public void SealAllLayers(CudaStream stream, SealingBlock block)
    {
        int layers = block.Block.LayerCount;
        Reserve(layers);
        for (int layer = 0; layer < layers; layer++)
        {
            stream.CopyToHost(Slot(layer), _pages.Open.Page(layer, block.Open), _pages.OpenLayerBytes);
        }

        stream.Synchronize();
        Parallel.For(0, layers, layer => Encode(block, layer, layer));
        if (!_pages.IsRaw)
        {
            for (int layer = 0; layer < layers; layer++)
            {
                Upload(stream, block, layer, layer);
            }

            stream.Synchronize();
        }
    }

    public void Dispose()
    {
        ((IDisposable?)_memory)?.Dispose();
        ((IDisposable)_failures).Dispose();
        _written.Dispose();
        _fetched[0].Dispose();
        _fetched[1].Dispose();
        _copies.Dispose();
    }

    private int SlotBytes => Math.Max(_pages.OpenLayerBytes, _payload.StrideBytes);

    private static int Half(int layer, int count) => (layer & 1) * count;

    private byte* Slot(int index) => _memory!.Pointer + ((long)index * SlotBytes);

    private void Encode(SealingBlock block, int layer, int slot) => block.Block.SetSlab(
        layer, _encoder.Encode(block.Cache, block.Block, layer, MemoryMarshal.Cast<byte, Half>(new ReadOnlySpan<byte>(Slot(slot), _pages.OpenLayerBytes)), default));

    /// <summary>By way of the slot that its 16-bit floats were in: encoded they are fewer bytes.</summary>
    private void Upload(CudaStream stream, SealingBlock block, int layer, int slot)
    {
        var room = new Span<byte>(Slot(slot), _payload.StrideBytes);
        _payload.Place(block.Block.Payload(layer), room);
        stream.CopyToDevice(_pages.Sealed.Page(layer, block.Page), room);
    }

    private void Reserve(int slots)
    {
        if (slots > _capacity)
        {
            ((IDisposable?)_memory)?.Dispose();
            _capacity = slots;
            _memory = new PinnedMemory(checked(slots * SlotBytes));
        }
    }
}
