namespace KvCluster.ServiceDefaults.Membership;

/// <summary>This worker's place in the cluster.</summary>
public interface IClusterMembership
{
    /// <summary>The latest; <see cref="MembershipSnapshot.None"/> before the first registration.</summary>
    public MembershipSnapshot Current { get; }

    /// <summary>Ends once the worker is registered and at least one KvStore shard is known.</summary>
    public Task<MembershipSnapshot> WaitForStoreAsync(CancellationToken cancellationToken);
}
