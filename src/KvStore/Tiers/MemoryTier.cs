using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Quotas;
using KvCluster.KvStore.Reads;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// Blocks in memory within a budget of bytes: which goes for room is the policy's choice, but never one that is pending, leased or read.
/// </summary>
/// <remarks>
/// One lock guards all; nothing under it waits, checks sums or copies slabs. A block is named by its content, so the slabs of two
/// Puts of the same block are the same: each layer is kept from whoever brings it first, and the block is pending for as long
/// as any Put works on it.
/// </remarks>
internal sealed partial class MemoryTier : IBlockTier
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly long _startTimestamp;
    private readonly BlockTable _table;
    private readonly LeaseTable _leases;
    private readonly ReadWaits _waits = new();
    private readonly EpochRegistry _epochs = new();
    private readonly ITierBelow _below;
    private readonly TimeSpan _blockTtl;
    private readonly long _maxPinnedBytes;

    /// <param name="budgetBytes">Most bytes of memory.</param>
    /// <param name="time">Clock of leases.</param>
    /// <param name="below">The tier that evicted blocks go to, and that further blocks are in; null for none.</param>
    /// <param name="counters">Shared with the tiers around it; null for its own.</param>
    /// <param name="options">Null for the defaults.</param>
    public MemoryTier(
        long budgetBytes, TimeProvider time, ITierBelow? below = null, StoreCounters? counters = null, MemoryTierOptions? options = null)
    {
        options ??= new MemoryTierOptions();
        Counters = counters ?? new StoreCounters();
        _below = below ?? NothingBelow.Instance;
        _time = time;
        _startTimestamp = time.GetTimestamp();
        _table = new BlockTable(
            budgetBytes,
            EvictionPolicies.Create(options.EvictionPolicy, budgetBytes),
            Counters,
            _below,
            options.Pool is null ? null : IdleMemory.Plan(options.Pool, budgetBytes),
            options.OwnerQuotaBytes > 0 ? new OwnerQuota(options.OwnerQuotaBytes) : null);
        _blockTtl = options.BlockTtl;
        _maxPinnedBytes = (long)(options.MaxPinnedShare * budgetBytes);
        _leases = new LeaseTable(_table, _below, time.GetUtcNow().Ticks.ToString("x"));
    }

    public StoreCounters Counters { get; }

    private TimeSpan Now => _time.GetElapsedTime(_startTimestamp);

    public void NoteEpoch(string workerId, ulong epoch)
    {
        lock (_lock)
        {
            _epochs.Of(workerId).Note(epoch);
        }
    }

    public PutSession? BeginPut(string workerId, ulong epoch, BlockId owner = default)
    {
        lock (_lock)
        {
            var session = new PutSession(_epochs.Of(workerId), epoch, owner);
            if (!session.IsStale)
            {
                return session;
            }
        }

        Counters.StaleEpochPut();
        return null;
    }

    public PutOutcome Add(PutSession session, in VerifiedSlab slab)
    {
        PutOutcome outcome;
        lock (_lock)
        {
            outcome = AddLocked(session, slab);
        }

        if (outcome.Result == PutResult.Stored)
        {
            Counters.StoredSlab(slab.Lease.SizeBytes);
            return outcome;
        }

        slab.Lease.Dispose();
        if (outcome.Result == PutResult.StaleEpoch)
        {
            Counters.StaleEpochPut();
        }

        return outcome;
    }

    public int EndPut(PutSession session)
    {
        int droppedCount = 0;
        lock (_lock)
        {
            foreach (PutBlock open in session.OpenBlocks.Values)
            {
                open.Block.WriterCount--;
                if (open.Block is { State: StoredBlockState.Pending, WriterCount: 0 })
                {
                    DetachLocked(open.Block);
                    droppedCount++;
                    Counters.AbortedBlock();
                }
            }

            session.OpenBlocks.Clear();
        }

        return droppedCount;
    }

    public bool Drop(BlockId id)
    {
        lock (_lock)
        {
            if (!_table.TryFind(id, out StoredBlock? block))
            {
                return false;
            }

            DetachLocked(block);
        }

        Counters.DroppedBlock();
        return true;
    }

    private PutOutcome AddLocked(PutSession session, in VerifiedSlab slab)
    {
        if (session.IsStale)
        {
            return new PutOutcome(PutResult.StaleEpoch);
        }

        session.NoteWriter(slab.Header);
        BlockId id = slab.Header.BlockId;
        var identity = BlockIdentity.Of(slab.Header, slab.LayerCount);
        bool isOpen = session.OpenBlocks.TryGetValue(id, out PutBlock? open);
        StoredBlock? block = open?.Block;
        bool isNew = !isOpen && !_table.TryFind(id, out block);
        if (block is not null && block.Identity.Compare(identity) is var error and not SlabError.None)
        {
            return new PutOutcome(PutResult.Refused, error);
        }

        PutResult result = PutResult.Stored;
        if (block is { IsAttached: false })
        {
            result = PutResult.Discarded;
        }
        else if (block?.Slabs[slab.Header.Layer] is not null)
        {
            result = PutResult.Known;
        }
        else
        {
            DropExpiredLocked(Now);
            if (!_table.MakeRoom(slab.Lease.ReservedBytes, block?.Owner ?? session.Owner))
            {
                return new PutOutcome(PutResult.StoreFull);
            }
        }

        if (isNew)
        {
            block = _table.Create(id, identity, slab.IsTransient, session.Owner);
            BindWaitingLocked(block);
        }

        if (!isOpen)
        {
            open = new PutBlock(block!);
            block!.WriterCount++;
            session.OpenBlocks.Add(id, open);
        }

        if (result == PutResult.Stored)
        {
            AddSlabLocked(block!, slab.Header.Layer, slab.Lease);
            _waits.Signal(id);
        }

        open!.Saw(slab.Header.Layer);
        if (open.IsWhole)
        {
            session.OpenBlocks.Remove(id);
            block!.WriterCount--;
        }

        return new PutOutcome(result);
    }

    private void AddSlabLocked(StoredBlock block, int layer, SlabLease slab)
    {
        _table.AddSlab(block, layer, slab);
        if (block.State == StoredBlockState.Complete)
        {
            NoteCompleteLocked(block);
        }
    }

    private void DetachLocked(StoredBlock block)
    {
        _table.Detach(block);
        _waits.Signal(block.Id);
    }
}
