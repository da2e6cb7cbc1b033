using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol;

/// <summary>
/// The message SlabFrame of kvstore.proto, with its slab in a rented buffer. Owns the slab until <see cref="TakeSlab"/>.
/// </summary>
public sealed class SlabFrame(BlockId blockId, int layer, int layerCount, SlabLease? slab) : IDisposable
{
    private SlabLease? _slab = slab;

    public BlockId BlockId { get; } = blockId;

    public int Layer { get; } = layer;

    /// <summary>Layers of the block.</summary>
    public int LayerCount { get; } = layerCount;

    /// <summary>Anything but OK comes without a slab.</summary>
    public SlabStatus Status { get; init; }

    /// <summary>Who writes; in the first frame of a Put.</summary>
    public string WorkerId { get; init; } = "";

    /// <summary>The incarnation of <see cref="WorkerId"/>; in the first frame of a Put.</summary>
    public ulong Epoch { get; init; }

    /// <summary>Whether the store drops the block once a Get has delivered all of it.</summary>
    public bool Transient { get; init; }

    /// <summary>Whether the slab comes from another shard, with the epoch of its first writer in its header.</summary>
    public bool Copied { get; init; }

    /// <summary>Whose block it is (<see cref="BlockIdChain.OwnerOf"/>), in the first frame of a Put; all zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>Header and payload; empty when there is no slab or it was taken.</summary>
    public ReadOnlySpan<byte> SlabBytes => _slab is { } slab ? slab.Span : default;

    internal ReadOnlyMemory<byte> SlabMemory => _slab is { } slab ? slab.Memory : default;

    /// <summary>Another right to the slab; null when there is none or it was taken.</summary>
    internal SlabLease? ShareSlab() => _slab?.Share();

    /// <summary>Where the slab begins in memory that other processes may map; null when it does not lie there.</summary>
    internal long? SharedOffset => _slab?.SharedOffsetIn(SlabPool.Shared);

    /// <summary>Passes the slab to the caller, who disposes it. Null when there is none or it was taken before.</summary>
    public SlabLease? TakeSlab() => Interlocked.Exchange(ref _slab, null);

    public void Dispose() => TakeSlab()?.Dispose();
}
