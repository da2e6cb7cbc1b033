using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Quotas;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// Blocks by id, their bytes against the budget, and the order in which they may be evicted. Not thread-safe: the tier's lock guards it.
/// </summary>
/// <remarks>
/// used = bytes of attached blocks + bytes of detached blocks that are still read, as the pool rounds them; used is at most the room, which is the budget
/// less what the pool keeps idle.
/// The policy has exactly the complete attached blocks, and holds those that are read or leased.
/// </remarks>
internal sealed class BlockTable(long budgetBytes, IEvictionPolicy policy, StoreCounters counters, ITierBelow below, IdleMemory? idle = null, OwnerQuota? quota = null)
{
    private readonly Dictionary<BlockId, StoredBlock> _attached = [];
    private readonly HashSet<StoredBlock> _detached = [];

    public long BudgetBytes => budgetBytes;

    public long UsedBytes { get; private set; }

    public long EvictableBytes { get; private set; }

    public int Count => _attached.Count;

    public OwnerQuota? Quota => quota;

    public IEnumerable<StoredBlock> Attached => _attached.Values;

    public IEnumerable<StoredBlock> Detached => _detached;

    /// <summary>Roughly first to go first.</summary>
    public IEnumerable<StoredBlock> Evictable => policy.Evictable.Cast<StoredBlock>();

    public bool TryFind(BlockId id, [NotNullWhen(true)] out StoredBlock? block) => _attached.TryGetValue(id, out block);

    public StoredBlock Create(BlockId id, in BlockIdentity identity, bool isTransient, BlockId owner = default)
    {
        var block = new StoredBlock(id, identity, isTransient) { Owner = owner };
        _attached.Add(id, block);
        return block;
    }

    private long RoomBytes => budgetBytes - (idle?.ReservedBytes ?? 0);

    /// <summary>Whether <see cref="MakeRoom"/> would.</summary>
    public bool CanMakeRoom(long sizeBytes) => CanMakeRoom(sizeBytes, RoomBytes);

    /// <summary>
    /// Evicts until <paramref name="sizeBytes"/> fit, from the blocks of <paramref name="owner"/> first when it is over its quota. False, and nothing is
    /// evicted, when they can't.
    /// </summary>
    public bool MakeRoom(long sizeBytes, BlockId owner = default)
    {
        long roomBytes = RoomBytes;
        if (!CanMakeRoom(sizeBytes, roomBytes))
        {
            return false;
        }

        while (quota?.NextToGo(owner, sizeBytes) is { } own)
        {
            counters.OverQuotaBlock();
            below.Evicting(own);
            Detach(own);
        }

        while (UsedBytes + sizeBytes > roomBytes)
        {
            var evicted = (StoredBlock)policy.Evict()!;
            evicted.IsTracked = false;
            EvictableBytes -= evicted.ByteCount;
            below.Evicting(evicted);
            counters.EvictedBlock();
            Detach(evicted);
        }

        return true;
    }

    /// <summary>Stores a slab for which <see cref="MakeRoom"/> made room, and takes over the lease.</summary>
    public void AddSlab(StoredBlock block, int layer, SlabLease slab)
    {
        block.Slabs[layer] = slab;
        block.SlabCount++;
        block.ByteCount += slab.ReservedBytes;
        UsedBytes += slab.ReservedBytes;
        quota?.Charge(block, slab.ReservedBytes);
        if (block.SlabCount == block.LayerCount)
        {
            block.State = StoredBlockState.Complete;
            quota?.List(block);
            UpdatePolicy(block);
        }
    }

    /// <summary>Forgets a block: found no more, freed when its last reader is done.</summary>
    public void Detach(StoredBlock block)
    {
        _attached.Remove(block.Id);
        quota?.Unlist(block);
        block.IsAttached = false;
        if (block.State == StoredBlockState.Pending)
        {
            block.State = StoredBlockState.Aborted;
        }

        UpdatePolicy(block);
        if (block.ReaderCount > 0)
        {
            _detached.Add(block);
        }
        else
        {
            Free(block);
        }
    }

    public void Pin(StoredBlock block)
    {
        block.ReaderCount++;
        UpdatePolicy(block);
    }

    public void Unpin(StoredBlock block)
    {
        block.ReaderCount--;
        UpdatePolicy(block);
        if (block.ReaderCount == 0 && _detached.Remove(block))
        {
            Free(block);
        }
    }

    public void Lease(StoredBlock block)
    {
        block.LeaseCount++;
        UpdatePolicy(block);
    }

    public void Unlease(StoredBlock block)
    {
        block.LeaseCount--;
        UpdatePolicy(block);
    }

    /// <summary>A request asked for this prefix of a chain.</summary>
    public void Use(IReadOnlyList<StoredBlock> chain)
    {
        policy.Use(chain);
        quota?.Use(chain);
    }

    private bool CanMakeRoom(long sizeBytes, long roomBytes) => UsedBytes - EvictableBytes + sizeBytes <= roomBytes;

    private void UpdatePolicy(StoredBlock block)
    {
        bool isComplete = block is { IsAttached: true, State: StoredBlockState.Complete };
        if (isComplete && !block.IsTracked)
        {
            block.IsTracked = true;
            block.IsHeld = false;
            EvictableBytes += block.ByteCount;
            policy.Add(block);
        }

        if (block.IsTracked && !isComplete)
        {
            block.IsTracked = false;
            EvictableBytes -= block.IsHeld ? 0 : block.ByteCount;
            policy.Remove(block);
        }

        bool isHeld = block.ReaderCount > 0 || block.LeaseCount > 0;
        if (block.IsTracked && block.IsHeld != isHeld)
        {
            block.IsHeld = isHeld;
            EvictableBytes += isHeld ? -block.ByteCount : block.ByteCount;
            if (isHeld)
            {
                policy.Hold(block);
            }
            else
            {
                policy.Release(block);
            }
        }
    }

    private void Free(StoredBlock block)
    {
        UsedBytes -= block.ByteCount;
        quota?.Discharge(block);
        foreach (SlabLease? slab in block.Slabs)
        {
            slab?.Dispose();
        }

        Array.Clear(block.Slabs);
    }
}
