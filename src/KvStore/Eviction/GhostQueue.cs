using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Eviction;

/// <summary>Ids of blocks that were evicted lately, the oldest forgotten first.</summary>
internal sealed class GhostQueue
{
    private readonly Dictionary<BlockId, long> _numbers = [];
    private readonly Queue<(BlockId Id, long Number)> _order = new();
    private long _lastNumber;

    public int Count => _numbers.Count;

    public void Add(BlockId id, int maxCount)
    {
        _numbers[id] = ++_lastNumber;
        _order.Enqueue((id, _lastNumber));
        while (_numbers.Count > maxCount || _order.Count > 2 * Math.Max(maxCount, 1))
        {
            (BlockId oldest, long number) = _order.Dequeue();
            if (_numbers.TryGetValue(oldest, out long latest) && latest == number)
            {
                _numbers.Remove(oldest);
            }
        }
    }

    /// <summary>Forgets the id; whether it was remembered.</summary>
    public bool Remove(BlockId id) => _numbers.Remove(id);
}
