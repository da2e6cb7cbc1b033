namespace KvCluster.ServiceDefaults.Membership;

/// <summary>What the Gateway last told this worker. Immutable.</summary>
/// <param name="Epoch">This incarnation; 0 before the first registration.</param>
/// <param name="KvStoreAddresses">The live KvStore shards.</param>
public sealed record MembershipSnapshot(ulong Epoch, IReadOnlyList<string> KvStoreAddresses)
{
    public static MembershipSnapshot None { get; } = new(0, []);
}
