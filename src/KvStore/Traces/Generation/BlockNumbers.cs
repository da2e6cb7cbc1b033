namespace KvCluster.KvStore.Traces.Generation;

/// <summary>Numbers for blocks: the same content after the same parent is the same block, as in a BlockId chain.</summary>
internal sealed class BlockNumbers
{
    private readonly Dictionary<(long Parent, int Content, int Offset), long> _shared = [];
    private long _last;

    /// <summary>A block that no other Sequence begins with.</summary>
    public long Fresh() => ++_last;

    /// <param name="parent">Number of the block before; 0 for none.</param>
    /// <param name="content">Which text.</param>
    /// <param name="offset">Where in it the block ends, in tokens.</param>
    public long Shared(long parent, int content, int offset)
    {
        if (!_shared.TryGetValue((parent, content, offset), out long number))
        {
            number = Fresh();
            _shared.Add((parent, content, offset), number);
        }

        return number;
    }
}
