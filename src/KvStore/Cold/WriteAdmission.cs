using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// Decides which blocks are worth the wear of a write. One that was used again, or that is offered a second time, always is; of the others
/// as many bytes a second as the device may be worn with. Not thread-safe.
/// </summary>
/// <param name="time">Clock of the allowance.</param>
/// <param name="unprovenBytesPerSecond">Allowance for blocks that were not used again. 0: only proven blocks are written.</param>
/// <param name="burstBytes">Most allowance that is saved up, and what there is at the start.</param>
/// <param name="rememberedCount">How many declined blocks are remembered.</param>
internal sealed class WriteAdmission(TimeProvider time, long unprovenBytesPerSecond, long burstBytes, int rememberedCount = 65_536)
{
    private readonly HashSet<BlockId> _declined = [];
    private readonly Queue<BlockId> _declinedOrder = new();
    private double _allowanceBytes = unprovenBytesPerSecond > 0 ? burstBytes : 0;
    private long _lastRefill = time.GetTimestamp();

    public bool Admit(BlockId id, bool wasUsedAgain, long sizeBytes)
    {
        if (_declined.Remove(id) || wasUsedAgain)
        {
            return true;
        }

        long now = time.GetTimestamp();
        _allowanceBytes = Math.Min(burstBytes, _allowanceBytes + (time.GetElapsedTime(_lastRefill, now).TotalSeconds * unprovenBytesPerSecond));
        _lastRefill = now;
        if (unprovenBytesPerSecond > 0 && sizeBytes <= _allowanceBytes)
        {
            _allowanceBytes -= sizeBytes;
            return true;
        }

        _declined.Add(id);
        _declinedOrder.Enqueue(id);
        while (_declinedOrder.Count > rememberedCount)
        {
            _declined.Remove(_declinedOrder.Dequeue());
        }

        return false;
    }
}
