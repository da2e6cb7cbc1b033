using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.Protocol.Transfer;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// Memory over cold tiers. Puts, cut-through, Tails and leases are the memory tier's; blocks that leave it go below, blocks below count
/// as held, and reads bring them up.
/// </summary>
internal sealed class TieredStore : IBlockTier, IAsyncDisposable
{
    private readonly Promotions _promotions;
    private readonly IColdTier _cold;

    /// <param name="memoryBudgetBytes">Most bytes of slabs in memory.</param>
    /// <param name="cold">The tier below; the caller's to dispose, after this.</param>
    /// <param name="admission">What is worth a write to it.</param>
    /// <param name="time">Clock of leases.</param>
    public TieredStore(long memoryBudgetBytes, IColdTier cold, WriteAdmission admission, TimeProvider time)
        : this(memoryBudgetBytes, [new ColdLevel(cold, admission)], time)
    {
    }

    /// <param name="memoryBudgetBytes">Most bytes of slabs in memory.</param>
    /// <param name="levels">One or two tiers below, the faster first; the caller's to dispose, after this.</param>
    /// <param name="time">Clock of leases.</param>
    /// <param name="options">Of the memory tier; null for its defaults.</param>
    /// <param name="logger">Hears of blocks that a tier failed to bring up; null for nobody.</param>
    public TieredStore(
        long memoryBudgetBytes, IReadOnlyList<ColdLevel> levels, TimeProvider time, MemoryTierOptions? options = null, ILogger<TieredStore>? logger = null)
    {
        ColdTiers = [.. levels.Select(level => level.Tier)];
        _cold = levels.Count == 1 ? levels[0].Tier : new ColdChain(levels[0].Tier, levels[1].Tier);
        Memory = new MemoryTier(memoryBudgetBytes, time, new Demotion(_cold, levels), Counters, options);
        _promotions = new Promotions(Memory, _cold, logger ?? NullLogger<TieredStore>.Instance);
    }

    public StoreCounters Counters { get; } = new();

    public MemoryTier Memory { get; }

    public IReadOnlyList<IColdTier> ColdTiers { get; }

    public void NoteEpoch(string workerId, ulong epoch) => Memory.NoteEpoch(workerId, epoch);

    public PutSession? BeginPut(string workerId, ulong epoch, BlockId owner = default) => Memory.BeginPut(workerId, epoch, owner);

    public PutOutcome Add(PutSession session, in VerifiedSlab slab) => Memory.Add(session, slab);

    public int EndPut(PutSession session)
    {
        int droppedCount = Memory.EndPut(session);
        _promotions.PumpStarved();
        return droppedCount;
    }

    public ReadSession OpenRead(IReadOnlyList<BlockId> ids, BlockId owner = default)
    {
        ReadSession session = Memory.OpenRead(ids, owner);
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

    public async Task LocateAsync(IReadOnlyList<BlockId> ids, bool isChain, CancellationToken cancellationToken)
    {
        BlockId[] unknown = _cold.MustBeAsked ? Memory.NotHeld(ids) : [];
        if (unknown.Length > 0)
        {
            await _cold.LocateAsync(unknown, isChain, cancellationToken);
            Memory.LookAgain(unknown);
        }
    }

    public int Lookup(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId) => Memory.Lookup(ids, leaseTime, out leaseId);

    public bool[] LookupEvery(IReadOnlyList<BlockId> ids, TimeSpan leaseTime, out string leaseId) =>
        Memory.LookupEvery(ids, leaseTime, out leaseId);

    public PinOutcome Pin(IReadOnlyList<BlockId> ids, TimeSpan pinTime, bool every = false) => Memory.Pin(ids, pinTime, every);

    public bool TryRenewLease(string leaseId, TimeSpan leaseTime) => Memory.TryRenewLease(leaseId, leaseTime);

    public void ReleaseLease(string leaseId)
    {
        Memory.ReleaseLease(leaseId);
        _promotions.PumpStarved();
    }

    public bool Drop(BlockId id)
    {
        // Below first: what is dropped there can't come up again after it is dropped here.
        bool wasBelow = _cold.Drop(id);
        _promotions.Cancel(id);
        bool wasHere = Memory.Drop(id);
        _promotions.PumpStarved();
        return wasBelow || wasHere;
    }

    public TierStat Stat() => Memory.Stat();

    /// <summary>
    /// Writes what memory holds and the first tier below does not, last used first, and what is on its way to the others, before a planned stop.
    /// </summary>
    /// <returns>Blocks queued.</returns>
    public async Task<int> FlushAsync(CancellationToken cancellationToken)
    {
        int count = await FlushAsync(ColdTiers[0], progress: null, cancellationToken);
        await Task.WhenAll(ColdTiers.Skip(1).Select(tier => tier.FlushAsync(cancellationToken)));
        return count;
    }

    /// <summary>Writes what memory holds and a tier below does not, last used first.</summary>
    /// <param name="tier">One of <see cref="ColdTiers"/>.</param>
    /// <param name="progress">Hears of blocks looked at and queued, and how many there are to look at.</param>
    /// <param name="cancellationToken">Ends it; what is queued is still written.</param>
    /// <returns>Blocks queued.</returns>
    public async Task<int> FlushAsync(IColdTier tier, IProgress<FlushProgress>? progress, CancellationToken cancellationToken)
    {
        var state = new FlushProgress(0, 0, 0);
        BlockId[] ids = Memory.BlocksForBelow();
        foreach (BlockId id in ids)
        {
            await tier.WaitForRoomAsync(cancellationToken);
            bool isQueued = !tier.TryGetSize(id, out _) && Memory.Share(id) is { } block && tier.TryWrite(block);
            if (isQueued)
            {
                tier.Counters.DemotedBlock();
            }

            state = new FlushProgress(state.SeenBlockCount + 1, state.QueuedBlockCount + (isQueued ? 1 : 0), ids.Length);
            progress?.Report(state);
        }

        await tier.FlushAsync(cancellationToken);
        return state.QueuedBlockCount;
    }

    /// <summary>Blocks of memory that a tier below does not hold.</summary>
    public async Task<int> CountMissingAsync(IColdTier tier, CancellationToken cancellationToken)
    {
        BlockId[] ids = Memory.BlocksForBelow();
        await tier.LocateAsync([.. ids.Where(id => !tier.TryGetSize(id, out _))], isChain: false, cancellationToken);
        return ids.Count(id => !tier.TryGetSize(id, out _));
    }

    public async ValueTask DisposeAsync()
    {
        await _promotions.DisposeAsync();
        Memory.Dispose();
    }
}
