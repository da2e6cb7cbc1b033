using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>Memory alone.</summary>
internal sealed class NothingBelow : ITierBelow
{
    public static readonly NothingBelow Instance = new();

    public bool TryGetSize(BlockId id, out long sizeBytes)
    {
        sizeBytes = 0;
        return false;
    }

    public bool TryHold(BlockId id) => false;

    public void Unhold(BlockId id)
    {
    }

    public void Evicting(StoredBlock block)
    {
    }

    public void Reused(StoredBlock block)
    {
    }
}
