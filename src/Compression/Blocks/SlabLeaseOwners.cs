using System.Collections.Concurrent;

namespace KvCluster.Compression.Blocks;

/// <summary>The outstanding leases and where they were taken. Only DEBUG builds record them.</summary>
public static class SlabLeaseOwners
{
    private static readonly ConcurrentDictionary<SlabLease, string> Outstanding = new(ReferenceEqualityComparer.Instance);

    /// <summary>One stack trace an outstanding lease, for a test's failure message.</summary>
    public static IReadOnlyCollection<string> Describe() => [.. Outstanding.Values];

    internal static void Add(SlabLease lease) => Outstanding[lease] = lease.Owner;

    internal static void Remove(SlabLease lease) => Outstanding.TryRemove(lease, out _);
}
