using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>
/// Blocks by id, their bytes against the budget, and the order in which they may be evicted. Not thread-safe: the tier's lock guards it.
/// </summary>
/// <remarks>
/// used = bytes of attached blocks + bytes of detached blocks that are still read, and used is at most the budget.
/// The recency list holds exactly the evictable blocks, longest unused first; a block that becomes evictable counts as used then.
/// </remarks>
internal sealed class BlockTable(long budgetBytes, StoreCounters counters, ITierBelow below)
{
    private readonly Dictionary<BlockId, StoredBlock> _attached = [];
    private readonly HashSet<StoredBlock> _detached = [];
    private readonly LinkedList<StoredBlock> _recency = new();

    public long BudgetBytes => budgetBytes;

    public long UsedBytes { get; private set; }

    public long EvictableBytes { get; private set; }

    public int Count => _attached.Count;

    public IEnumerable<StoredBlock> Attached => _attached.Values;

    public IEnumerable<StoredBlock> Detached => _detached;

    /// <summary>Longest unused first.</summary>
    public IEnumerable<StoredBlock> Evictable => _recency;

    public bool TryFind(BlockId id, [NotNullWhen(true)] out StoredBlock? block) => _attached.TryGetValue(id, out block);

    public StoredBlock Create(BlockId id, in BlockIdentity identity, bool isTransient)
    {
        var block = new StoredBlock(id, identity, isTransient);
        _attached.Add(id, block);
        return block;
    }

    /// <summary>Whether <see cref="MakeRoom"/> would.</summary>
    public bool CanMakeRoom(long sizeBytes) => UsedBytes - EvictableBytes + sizeBytes <= budgetBytes;

    /// <summary>Evicts until <paramref name="sizeBytes"/> fit. False, and nothing is evicted, when they can't.</summary>
    public bool MakeRoom(long sizeBytes)
    {
        if (!CanMakeRoom(sizeBytes))
        {
            return false;
        }

        while (UsedBytes + sizeBytes > budgetBytes)
        {
            StoredBlock longestUnused = _recency.First!.Value;
            below.Evicting(longestUnused);
            counters.EvictedBlock();
            Detach(longestUnused);
        }

        return true;
    }

    /// <summary>Stores a slab for which <see cref="MakeRoom"/> made room, and takes over the lease.</summary>
    public void AddSlab(StoredBlock block, int layer, SlabLease slab)
    {
        block.Slabs[layer] = slab;
        block.SlabCount++;
        block.ByteCount += slab.SizeBytes;
        UsedBytes += slab.SizeBytes;
        if (block.SlabCount == block.LayerCount)
        {
            block.State = StoredBlockState.Complete;
            UpdateRecency(block);
        }
    }

    /// <summary>Forgets a block: found no more, freed when its last reader is done.</summary>
    public void Detach(StoredBlock block)
    {
        _attached.Remove(block.Id);
        block.IsAttached = false;
        if (block.State == StoredBlockState.Pending)
        {
            block.State = StoredBlockState.Aborted;
        }

        UpdateRecency(block);
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
        UpdateRecency(block);
    }

    public void Unpin(StoredBlock block)
    {
        block.ReaderCount--;
        UpdateRecency(block);
        if (block.ReaderCount == 0 && _detached.Remove(block))
        {
            Free(block);
        }
    }

    public void Lease(StoredBlock block)
    {
        block.LeaseCount++;
        UpdateRecency(block);
    }

    public void Unlease(StoredBlock block)
    {
        block.LeaseCount--;
        UpdateRecency(block);
    }

    /// <summary>Counts as used now.</summary>
    public void Touch(StoredBlock block)
    {
        if (block.RecencyNode.List is not null)
        {
            _recency.Remove(block.RecencyNode);
            _recency.AddLast(block.RecencyNode);
        }
    }

    private void UpdateRecency(StoredBlock block)
    {
        bool isListed = block.RecencyNode.List is not null;
        if (block.IsEvictable && !isListed)
        {
            _recency.AddLast(block.RecencyNode);
            EvictableBytes += block.ByteCount;
        }
        else if (!block.IsEvictable && isListed)
        {
            _recency.Remove(block.RecencyNode);
            EvictableBytes -= block.ByteCount;
        }
    }

    private void Free(StoredBlock block)
    {
        UsedBytes -= block.ByteCount;
        foreach (SlabLease? slab in block.Slabs)
        {
            slab?.Dispose();
        }

        Array.Clear(block.Slabs);
    }
}
