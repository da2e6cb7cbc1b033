using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Tiers;

/// <summary>How a memory tier behaves beyond its budget.</summary>
internal sealed record MemoryTierOptions
{
    /// <summary>One of <see cref="Eviction.EvictionPolicies.Names"/>. Default <c>lru</c>, whose order tests can say by heart.</summary>
    public string EvictionPolicy { get; init; } = "lru";

    /// <summary>Whose idle memory counts against the budget. Default null: only slabs do.</summary>
    public SlabPool? Pool { get; init; }

    /// <summary>Bytes that the blocks of one owner may take before it evicts its own. Default 0: no quota.</summary>
    public long OwnerQuotaBytes { get; init; }

    /// <summary>Blocks that nobody asked for in this time are dropped. Default zero: never.</summary>
    public TimeSpan BlockTtl { get; init; }

    /// <summary>Most of the budget that pins may hold, 0 to 1. Default a quarter.</summary>
    public double MaxPinnedShare { get; init; } = 0.25;
}
