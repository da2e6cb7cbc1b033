using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;

namespace KvCluster.KvStore.Tiers;

/// <summary>One copy of a block in memory. Guarded by the tier's lock.</summary>
internal sealed class StoredBlock : EvictionEntry
{
    public StoredBlock(BlockId id, in BlockIdentity identity, bool isTransient)
        : base(id, identity.FirstPosition / KvGeometry.BlockTokenCount)
    {
        Identity = identity;
        IsTransient = isTransient;
        Slabs = new SlabLease?[identity.LayerCount];
    }

    public BlockIdentity Identity { get; }

    public bool IsTransient { get; }

    /// <summary>Against whose quota it counts; all zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>One a layer; null until it comes.</summary>
    public SlabLease?[] Slabs { get; }

    public int LayerCount => Slabs.Length;

    public int SlabCount { get; set; }

    public StoredBlockState State { get; set; }

    /// <summary>Whether the tier finds it by its id. A detached block lives until its last reader is done.</summary>
    public bool IsAttached { get; set; } = true;

    /// <summary>Puts that are at work on it.</summary>
    public int WriterCount { get; set; }

    /// <summary>Reads that hold it.</summary>
    public int ReaderCount { get; set; }

    /// <summary>Leases that hold it.</summary>
    public int LeaseCount { get; set; }

    /// <summary>Whether a Lookup found it after it was complete.</summary>
    public bool WasUsedAgain { get; set; }

    /// <summary>Pins that hold it; they are leases too.</summary>
    public int PinCount { get; set; }

    /// <summary>When it was complete or last asked for, on the tier's clock; only where blocks expire.</summary>
    public TimeSpan LastUsedAt { get; set; }

    /// <summary>Orders the blocks of an owner by their last use.</summary>
    public long UseNumber { get; set; }

    public bool IsEvictable => IsAttached && State == StoredBlockState.Complete && ReaderCount == 0 && LeaseCount == 0;
}
