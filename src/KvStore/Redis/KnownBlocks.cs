using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Redis;

/// <summary>
/// Which blocks were in Redis a moment ago, so that this need not be asked under a lock. Redis may lose any of them at any time: an entry is a
/// reason to ask for the block, never a promise. Not thread-safe.
/// </summary>
/// <param name="time">Clock of the entries.</param>
/// <param name="lifetime">Time after which an entry is forgotten.</param>
/// <param name="maxCount">Most entries; the oldest goes first.</param>
internal sealed class KnownBlocks(TimeProvider time, TimeSpan lifetime, int maxCount)
{
    private readonly Dictionary<BlockId, (long SizeBytes, long Since)> _entries = [];
    private readonly Queue<(BlockId Id, long Since)> _order = new();

    /// <summary>Entries, including some whose time is over.</summary>
    public int Count => _entries.Count;

    public bool TryGetSize(BlockId id, out long sizeBytes)
    {
        bool isKnown = _entries.TryGetValue(id, out (long SizeBytes, long Since) entry) && time.GetElapsedTime(entry.Since) < lifetime;
        sizeBytes = isKnown ? entry.SizeBytes : 0;
        return isKnown;
    }

    public void Add(BlockId id, long sizeBytes)
    {
        long now = time.GetTimestamp();
        _entries[id] = (sizeBytes, now);
        _order.Enqueue((id, now));
        while (_order.TryPeek(out (BlockId Id, long Since) oldest)
            && (_order.Count > 2 * maxCount || _entries.Count > maxCount || time.GetElapsedTime(oldest.Since, now) >= lifetime))
        {
            _order.Dequeue();

            // An entry that was renewed stands further back once more.
            if (_entries.TryGetValue(oldest.Id, out (long SizeBytes, long Since) entry) && entry.Since == oldest.Since)
            {
                _entries.Remove(oldest.Id);
            }
        }
    }

    public bool Remove(BlockId id) => _entries.Remove(id);

    public void Clear()
    {
        _entries.Clear();
        _order.Clear();
    }
}
