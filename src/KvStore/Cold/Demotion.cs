using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// The way of blocks from memory into each cold tier that lacks them: when they are used again, so that a crash keeps them, and at the latest
/// when they are evicted. Guarded by the memory tier's lock. Tails never go.
/// </summary>
internal sealed class Demotion(IColdTier cold, IReadOnlyList<ColdLevel> levels) : ITierBelow
{
    public bool TryGetSize(BlockId id, out long sizeBytes) => cold.TryGetSize(id, out sizeBytes);

    public bool TryHold(BlockId id) => cold.TryHold(id);

    public void Unhold(BlockId id) => cold.Unhold(id);

    public void Evicting(StoredBlock block) => Offer(block, wasUsedAgain: block.WasUsedAgain);

    public void Reused(StoredBlock block) => Offer(block, wasUsedAgain: true);

    private void Offer(StoredBlock block, bool wasUsedAgain)
    {
        if (block.IsTransient)
        {
            return;
        }

        foreach (ColdLevel level in levels)
        {
            if (level.Tier.TryGetSize(block.Id, out _))
            {
                continue;
            }

            if (!level.Admission.Admit(block.Id, wasUsedAgain, block.ByteCount))
            {
                level.Tier.Counters.DeclinedBlock();
            }
            else if (level.Tier.TryWrite(ColdBlock.ShareOf(block)))
            {
                level.Tier.Counters.DemotedBlock();
            }
        }
    }
}
