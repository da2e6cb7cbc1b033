using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

internal sealed partial class MemoryTier
{
    /// <summary>Proves that bytes, states, pins, leases and the policy agree; for tests, after every scenario.</summary>
    /// <param name="ownPool">A pool from which only this tier's slabs are rented now; its count is compared too.</param>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void CheckIntegrity(SlabPool? ownPool = null)
    {
        lock (_lock)
        {
            StoredBlock[] attached = [.. _table.Attached];
            StoredBlock[] detached = [.. _table.Detached];
            StoredBlock[] all = [.. attached, .. detached];
            foreach (StoredBlock block in all)
            {
                CheckBlock(block);
            }

            Require(attached.All(block => block.IsAttached), "a detached block is found by its id");
            Require(detached.All(block => !block.IsAttached && block.ReaderCount > 0), "a detached block that nobody reads is kept");
            Require(all.Sum(block => block.ByteCount) == _table.UsedBytes, $"the blocks do not add up to {_table.UsedBytes} bytes");
            Require(_table.UsedBytes <= _table.BudgetBytes, $"{_table.UsedBytes} bytes are over the budget");
            Require(
                _table.Evictable.ToHashSet().SetEquals(attached.Where(block => block.IsEvictable)), "the policy's evictable blocks are not the tier's");
            Require(_table.Evictable.Sum(block => block.ByteCount) == _table.EvictableBytes, "the evictable bytes are miscounted");
            Require(_waits.All.Count() == _waits.Count, "the waiting readers are miscounted");
            Require(_waits.All.All(cursor => !cursor.IsClosed), "a closed read waits");
            foreach (StoredBlock block in all)
            {
                int leaseCount = _leases.All.Sum(lease => lease.Blocks.Count(leased => leased == block));
                Require(block.LeaseCount == leaseCount, $"block {block.Id} counts {block.LeaseCount} leases and has {leaseCount}");
            }

            long pinnedBytes = all.Where(block => block.PinCount > 0).Sum(block => block.ByteCount);
            Require(_leases.PinnedBytes == pinnedBytes + FreedPinnedBytes(all), "the pinned bytes are miscounted");
            foreach ((BlockId owner, long bytes) in _table.Quota?.Usage ?? [])
            {
                long owned = all.Where(block => block.Owner == owner).Sum(block => block.ByteCount);
                Require(bytes == owned, $"owner {owner} has {owned} bytes, {bytes} are counted");
            }

            if (ownPool is not null)
            {
                ownPool.CheckIntegrity();
                int slabCount = all.Sum(block => block.SlabCount);
                Require(ownPool.RentedCount == slabCount, $"{ownPool.RentedCount} slabs are rented, {slabCount} are stored");
            }
        }
    }

    /// <summary>Damages a stored slab, as bad memory would; the only way to test that reads are verified.</summary>
    internal bool FlipBit(BlockId id, int layer, int bitIndex)
    {
        lock (_lock)
        {
            if (!_table.TryFind(id, out StoredBlock? block) || block.Slabs[layer] is not { } slab)
            {
                return false;
            }

            slab.Span[bitIndex / 8] ^= (byte)(1 << (bitIndex % 8));
            return true;
        }
    }

    /// <summary>What would be evicted, first first.</summary>
    internal BlockId[] EvictableIds()
    {
        lock (_lock)
        {
            return [.. _table.Evictable.Select(block => block.Id)];
        }
    }

    /// <summary>Puts that are at work on a block; for tests that need two.</summary>
    internal int WriterCountOf(BlockId id)
    {
        lock (_lock)
        {
            return _table.TryFind(id, out StoredBlock? block) ? block.WriterCount : 0;
        }
    }

    /// <summary>A dropped block stays in the pins that it was in.</summary>
    private long FreedPinnedBytes(StoredBlock[] all) => _leases.All
        .Where(lease => lease.IsPin)
        .SelectMany(lease => lease.Blocks)
        .Distinct()
        .Except(all)
        .Sum(block => block.ByteCount);

    private static void CheckBlock(StoredBlock block)
    {
        int slabCount = block.Slabs.Count(slab => slab is not null);
        Require(slabCount == block.SlabCount, $"block {block.Id} counts {block.SlabCount} slabs and has {slabCount}");
        Require(
            block.Slabs.Sum(slab => slab?.ReservedBytes ?? 0) == block.ByteCount, $"block {block.Id} miscounts its bytes");
        Require(
            (block.State == StoredBlockState.Complete) == (slabCount == block.LayerCount), $"block {block.Id} has {slabCount} slabs and is {block.State}");
        Require(block.State != StoredBlockState.Aborted || !block.IsAttached, $"block {block.Id} is aborted and still found");
        Require(block.State != StoredBlockState.Pending || block.WriterCount > 0, $"block {block.Id} is pending and nobody writes it");
        Require(block is { WriterCount: >= 0, ReaderCount: >= 0, LeaseCount: >= 0 }, $"block {block.Id} has a negative count");
    }

    private static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"The memory tier is broken: {problem}.");
        }
    }
}
