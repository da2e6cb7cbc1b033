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

    /// <summary>Whether the reader is to be told that the copy below could not be read.</summary>
    public bool IsLost { get; set; }

    public FetchState FetchState { get; set; }

    /// <summary>How often its block was fetched from below.</summary>
    public int FetchCount { get; set; }

    /// <summary>Bytes that the running fetch will take.</summary>
    public long FetchBytes { get; set; }

    /// <summary>Whether its block was fetched ahead and is not delivered yet.</summary>
    public bool IsAhead { get; set; }

    public bool IsClosed { get; set; }
}
