using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Reads;

/// <summary>One Get call, as the tier sees it. Guarded by the tier's lock.</summary>
internal sealed class ReadSession
{
    /// <summary>Against whose quota blocks count that come up from below; all zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>Cursors that may have something to read, and those just read from, at the front.</summary>
    public Queue<BlockCursor> Ready { get; } = new();

    /// <summary>In the order asked for.</summary>
    public List<BlockCursor> Cursors { get; } = [];

    public int OpenCursorCount { get; set; }

    /// <summary>Cursors whose blocks are in the tier below, in the order wanted.</summary>
    public Queue<BlockCursor> Below { get; } = new();

    /// <summary>Cursors whose blocks are on their way from below.</summary>
    public int FetchCount { get; set; }

    /// <summary>Bytes of those blocks.</summary>
    public long FetchingBytes { get; set; }

    /// <summary>Cursors whose blocks are on their way from below, or came from there and are not delivered.</summary>
    public int BlocksAhead { get; set; }

    /// <summary>Completed when a cursor becomes ready; null while nobody waits.</summary>
    public TaskCompletionSource? Wake { get; set; }
}
