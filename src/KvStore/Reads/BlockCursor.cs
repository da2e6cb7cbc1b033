using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Reads;

/// <summary>How far one read is with one block. Guarded by the tier's lock.</summary>
internal sealed class BlockCursor(ReadSession session, BlockId blockId)
{
    public ReadSession Session { get; } = session;

    public BlockId BlockId { get; } = blockId;

    /// <summary>The copy it reads, pinned; null while there is none.</summary>
    public StoredBlock? Block { get; set; }

    public int NextLayer { get; set; }

    /// <summary>Whether a copy was ever found; hits and misses are counted once.</summary>
    public bool WasFound { get; set; }

    /// <summary>Whether the reader was told that a copy was corrupt.</summary>
    public bool WasCorrupt { get; set; }

    public bool IsClosed { get; set; }
}
