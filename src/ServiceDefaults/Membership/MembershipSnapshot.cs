using KvCluster.Protocol.Shards;

namespace KvCluster.ServiceDefaults.Membership;

/// <summary>What the Gateway last told this worker. Immutable.</summary>
/// <param name="Epoch">This incarnation; 0 before the first registration.</param>
/// <param name="Shards">The KvStore shards.</param>
public sealed record MembershipSnapshot(ulong Epoch, ShardView Shards)
{
    public static MembershipSnapshot None { get; } = new(0, ShardView.None);

    /// <summary>Shards that came lately.</summary>
    public IReadOnlyList<ShardJoin> Joins { get; init; } = [];

    /// <summary>The live KvStore shards.</summary>
    public IReadOnlyList<string> KvStoreAddresses => Shards.Live;
}
