using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Eviction;

/// <summary>One complete block, as an <see cref="IEvictionPolicy"/> sees it. What is not public here is the policy's own.</summary>
/// <param name="id">Its id.</param>
/// <param name="depth">Blocks before it in its Sequence: a block is of no use without them.</param>
internal abstract class EvictionEntry(BlockId id, int depth)
{
    public BlockId Id { get; } = id;

    public int Depth { get; } = depth;

    /// <summary>Bytes that its eviction frees; does not change while a policy has it.</summary>
    public long ByteCount { get; set; }

    /// <summary>Whether a policy has it.</summary>
    public bool IsTracked { get; set; }

    /// <summary>Whether it may not be evicted now.</summary>
    public bool IsHeld { get; set; }

    internal EntryQueue? Queue { get; set; }

    internal EvictionEntry? Previous { get; set; }

    internal EvictionEntry? Next { get; set; }

    /// <summary>Where it goes back to when it is held no more.</summary>
    internal int Segment { get; set; }

    internal int UseCount { get; set; }
}
