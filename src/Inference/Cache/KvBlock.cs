using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Cache;

/// <summary>One sealed Block: 64 tokens, a slab for every layer. Owns a lease on each slab.</summary>
/// <remarks>Threads may set layers side by side; a layer that is set never changes until the Block is disposed.</remarks>
public sealed class KvBlock : IDisposable
{
    private readonly SlabLease?[] _slabs;
    private int _layersSet;

    public KvBlock(BlockId blockId, int firstPosition, int layerCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layerCount);
        BlockId = blockId;
        FirstPosition = firstPosition;
        _slabs = new SlabLease?[layerCount];
    }

    public BlockId BlockId { get; }

    /// <summary>Position in the Sequence of the first of the 64 tokens.</summary>
    public int FirstPosition { get; }

    public int LayerCount => _slabs.Length;

    /// <summary>Every layer has its slab.</summary>
    public bool IsComplete => Volatile.Read(ref _layersSet) == _slabs.Length;

    /// <summary>Bytes of all slabs that are set, headers included.</summary>
    public long SizeBytes
    {
        get
        {
            long size = 0;
            foreach (SlabLease? slab in _slabs)
            {
                size += slab?.Span.Length ?? 0;
            }

            return size;
        }
    }

    /// <summary>The lease on a layer's whole slab, header included; null until it is set. Still owned by the Block.</summary>
    public SlabLease? Slab(int layer) => _slabs[layer];

    /// <summary>Gives the Block a verified slab and the ownership of its lease.</summary>
    /// <exception cref="InvalidOperationException">The layer has a slab already.</exception>
    public void SetSlab(int layer, SlabLease lease)
    {
        ArgumentNullException.ThrowIfNull(lease);
        ArgumentOutOfRangeException.ThrowIfLessThan(lease.Span.Length, Compression.Blocks.Slab.HeaderSizeBytes, nameof(lease));
        if (_slabs[layer] is not null)
        {
            throw new InvalidOperationException($"Layer {layer} of block {BlockId} has a slab already.");
        }

        _slabs[layer] = lease;
        Interlocked.Increment(ref _layersSet);
    }

    /// <summary>Puts the encoded slab in the place of the 16-bit one that waited there for the end of the prompt.</summary>
    internal void ReplaceSlab(int layer, SlabLease lease)
    {
        _slabs[layer]!.Dispose();
        _slabs[layer] = lease;
    }

    /// <summary>The encoded bytes of a layer, without the header.</summary>
    /// <exception cref="InvalidOperationException">The layer has no slab yet.</exception>
    public ReadOnlySpan<byte> Payload(int layer)
    {
        SlabLease slab = _slabs[layer] ?? throw new InvalidOperationException($"Layer {layer} of block {BlockId} has no slab yet.");
        return slab.Span[Compression.Blocks.Slab.HeaderSizeBytes..];
    }

    public void Dispose()
    {
        for (int layer = 0; layer < _slabs.Length; layer++)
        {
            _slabs[layer]?.Dispose();
            _slabs[layer] = null;
        }

        _layersSet = 0;
    }
}
