using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// Memory over a cold tier. Puts, cut-through, Tails and leases are the memory tier's; blocks that leave it go below, blocks below count
/// as held, and reads bring them up.
/// </summary>
internal sealed class TieredStore : IBlockTier, IAsyncDisposable
{
    private readonly Promotions _promotions;

    /// <param name="memoryBudgetBytes">Most bytes of slabs in memory.</param>
    /// <param name="cold">The tier below; the caller's to dispose, after this.</param>
    /// <param name="admission">What is worth a write to it.</param>
    /// <param name="time">Clock of leases.</param>
    public TieredStore(long memoryBudgetBytes, IColdTier cold, WriteAdmission admission, TimeProvider time)
    {
        Cold = cold;
        Memory = new MemoryTier(memoryBudgetBytes, time, new Demotion(cold, admission, Counters), Counters);
        _promotions = new Promotions(Memory, cold);
    }

    public StoreCounters Counters { get; } = new();

    public MemoryTier Memory { get; }

    public IColdTier Cold { get; }

    public PutSession? BeginPut(string workerId, ulong epoch) => Memory.BeginPut(workerId, epoch);

    public PutOutcome Add(PutSession session, in VerifiedSlab slab) => Memory.Add(session, slab);

    public int EndPut(PutSession session)
    {
        int droppedCount = Memory.EndPut(session);
        _promotions.PumpStarved();
        return droppedCount;
    }

    public ReadSession OpenRead(IReadOnlyList<BlockId> ids)
    {
        ReadSession session = Memory.OpenRead(ids);
        _promotions.Pump(session);
        return session;
    }

    public ReadStep Read(ReadSession session)
    {
        ReadStep step = Memory.Read(session);
        return step.Kind == ReadStepKind.Idle && _promotions.Pump(session) ? step with { IsFetching = true } : step;
    }

    public void Delivered(BlockCursor cursor)
    {
        Memory.Delivered(cursor);
        _promotions.Pump(cursor.Session);
        _promotions.PumpStarved();
    }

    public void ReportCorrupt(BlockCursor cursor, int layer)
    {
        Memory.ReportCorrupt(cursor, layer);
        _promotions.PumpStarved();
    }

    public IReadOnlyList<BlockCursor> CloseRead(ReadSession session)
    {
        IReadOnlyList<BlockCursor> unfinished = Memory.CloseRead(session);
        _promotions.Forget(session);
        _promotions.PumpStarved();
        return unfinished;
    }

    public int Lookup(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId) => Memory.Lookup(ids, leaseTime, out leaseId);

    public bool TryRenewLease(string leaseId, TimeSpan leaseTime) => Memory.TryRenewLease(leaseId, leaseTime);

    public void ReleaseLease(string leaseId)
    {
        Memory.ReleaseLease(leaseId);
        _promotions.PumpStarved();
    }

    public bool Drop(BlockId id)
    {
        // Below first: what is dropped there can't come up again after it is dropped here.
        bool wasBelow = Cold.Drop(id);
        _promotions.Cancel(id);
        bool wasHere = Memory.Drop(id);
        _promotions.PumpStarved();
        return wasBelow || wasHere;
    }

    public TierStat Stat() => Memory.Stat() with { Below = Cold.Stat() };

    /// <summary>
    /// Writes what only memory holds to the tier below, last used first, before a planned stop.
    /// </summary>
    /// <returns>Blocks queued.</returns>
    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        int count = 0;
        foreach (BlockId id in Memory.BlocksForBelow())
        {
            await Cold.WaitForRoomAsync(cancellationToken);
            if (!Cold.TryGetSize(id, out _) && Memory.Share(id) is { } block && Cold.TryWrite(block))
            {
                Counters.DemotedBlock();
                count++;
            }
        }

        await Cold.FlushAsync(cancellationToken);
        return count;
    }

    public async ValueTask DisposeAsync()
    {
        await _promotions.DisposeAsync();
        Memory.Dispose();
    }
}
