using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Reads;

/// <summary>Cursors that wait for a block, or for its next layer. Not thread-safe.</summary>
internal sealed class ReadWaits
{
    private readonly Dictionary<BlockId, List<BlockCursor>> _waiting = [];

    public int Count { get; private set; }

    public IEnumerable<BlockCursor> All => _waiting.Values.SelectMany(cursors => cursors);

    public IReadOnlyList<BlockCursor> Of(BlockId id) => _waiting.TryGetValue(id, out List<BlockCursor>? cursors) ? cursors : [];

    public void Add(BlockCursor cursor)
    {
        if (!_waiting.TryGetValue(cursor.BlockId, out List<BlockCursor>? cursors))
        {
            cursors = [];
            _waiting.Add(cursor.BlockId, cursors);
        }

        cursors.Add(cursor);
        Count++;
    }

    public void Remove(BlockCursor cursor)
    {
        if (_waiting.TryGetValue(cursor.BlockId, out List<BlockCursor>? cursors) && cursors.Remove(cursor))
        {
            Count--;
            if (cursors.Count == 0)
            {
                _waiting.Remove(cursor.BlockId);
            }
        }
    }

    /// <summary>Lets every cursor on a block look again.</summary>
    public void Signal(BlockId id)
    {
        if (!_waiting.Remove(id, out List<BlockCursor>? cursors))
        {
            return;
        }

        Count -= cursors.Count;
        foreach (BlockCursor cursor in cursors)
        {
            cursor.Session.Ready.Enqueue(cursor);
            cursor.Session.Wake?.TrySetResult();
            cursor.Session.Wake = null;
        }
    }
}
