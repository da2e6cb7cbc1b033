using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Quotas;

/// <summary>What one owner has in memory. Guarded by the tier's lock.</summary>
internal sealed class OwnerUsage
{
    public long ByteCount { get; set; }

    /// <summary>Complete blocks: longest unused first, and of those used at once the deepest first.</summary>
    public SortedSet<StoredBlock> Blocks { get; } = new(Comparer<StoredBlock>.Create(Compare));

    private static int Compare(StoredBlock left, StoredBlock right)
    {
        int byUse = left.UseNumber.CompareTo(right.UseNumber);
        int byDepth = byUse == 0 ? right.Depth.CompareTo(left.Depth) : byUse;
        return byDepth == 0 ? left.Id.Value.CompareTo(right.Id.Value) : byDepth;
    }
}
