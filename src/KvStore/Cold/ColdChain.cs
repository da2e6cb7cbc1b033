using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// Two cold tiers as one to read from: the upper is asked first, and what it lost the lower may heal. Writes go to each on its own, as its
/// admission says. Thread-safe.
/// </summary>
internal sealed class ColdChain(IColdTier upper, IColdTier lower) : IColdTier
{
    private readonly Lock _lock = new();
    private readonly Dictionary<BlockId, int> _lowerHolds = [];

    /// <summary>The upper tier's.</summary>
    public ColdCounters Counters => upper.Counters;

    public bool MustBeAsked => lower.MustBeAsked;

    public bool TryGetSize(BlockId id, out long sizeBytes) => upper.TryGetSize(id, out sizeBytes) || lower.TryGetSize(id, out sizeBytes);

    public bool TryHold(BlockId id)
    {
        if (upper.TryHold(id))
        {
            return true;
        }

        bool isHeld = lower.TryHold(id);
        if (isHeld)
        {
            lock (_lock)
            {
                _lowerHolds[id] = _lowerHolds.GetValueOrDefault(id) + 1;
            }
        }

        return isHeld;
    }

    // A block held once in each tier may lose the lower hold first: each is taken back as often as it was given.
    public void Unhold(BlockId id)
    {
        bool wasLower;
        lock (_lock)
        {
            wasLower = _lowerHolds.TryGetValue(id, out int count);
            if (count > 1)
            {
                _lowerHolds[id] = count - 1;
            }
            else
            {
                _lowerHolds.Remove(id);
            }
        }

        (wasLower ? lower : upper).Unhold(id);
    }

    public bool TryWrite(ColdBlock block)
    {
        bool isTakenBelow = lower.TryWrite(block.Share());
        return upper.TryWrite(block) || isTakenBelow;
    }

    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        await upper.WaitForRoomAsync(cancellationToken);
        await lower.WaitForRoomAsync(cancellationToken);
    }

    public Task LocateAsync(IReadOnlyList<BlockId> ids, bool isChain, CancellationToken cancellationToken) =>
        lower.LocateAsync(ids, isChain, cancellationToken);

    public async Task<ColdRead> ReadAsync(BlockId id)
    {
        ColdRead above = await upper.ReadAsync(id);
        if (above.Block is not null)
        {
            return above;
        }

        ColdRead below = await lower.ReadAsync(id);
        return below.Block is not null ? below : new ColdRead(null, above.WasLost || below.WasLost);
    }

    public bool Drop(BlockId id) => upper.Drop(id) | lower.Drop(id);

    public ColdStat Stat() => upper.Stat();

    public Task FlushAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(upper.FlushAsync(cancellationToken), lower.FlushAsync(cancellationToken));

    public async ValueTask DisposeAsync()
    {
        await upper.DisposeAsync();
        await lower.DisposeAsync();
    }
}
