using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// The way of blocks from memory into a cold tier: when they are used again, so that a crash keeps them, and at the latest when they are
/// evicted. Guarded by the memory tier's lock. Tails never go.
/// </summary>
internal sealed class Demotion(IColdTier cold, WriteAdmission admission, StoreCounters counters) : ITierBelow
{
    public bool TryGetSize(BlockId id, out long sizeBytes) => cold.TryGetSize(id, out sizeBytes);

    public bool TryHold(BlockId id) => cold.TryHold(id);

    public void Unhold(BlockId id) => cold.Unhold(id);

    public void Evicting(StoredBlock block) => Offer(block, wasUsedAgain: block.WasUsedAgain);

    public void Reused(StoredBlock block) => Offer(block, wasUsedAgain: true);

    private void Offer(StoredBlock block, bool wasUsedAgain)
    {
        if (block.IsTransient || cold.TryGetSize(block.Id, out _))
        {
            return;
        }

        if (!admission.Admit(block.Id, wasUsedAgain, block.ByteCount))
        {
            counters.DeclinedBlock();
        }
        else if (cold.TryWrite(ColdBlock.ShareOf(block)))
        {
            counters.DemotedBlock();
        }
    }
}
