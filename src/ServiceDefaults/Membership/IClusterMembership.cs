namespace KvCluster.ServiceDefaults.Membership;

/// <summary>This worker's place in the cluster.</summary>
public interface IClusterMembership
{
    /// <summary>The latest; <see cref="MembershipSnapshot.None"/> before the first registration.</summary>
    public MembershipSnapshot Current { get; }

    /// <summary>As whom this worker is known.</summary>
    public string WorkerId { get; }

    /// <summary>Where others reach this worker; empty before it was started.</summary>
    public string Address { get; }

    /// <summary>How often members hear from the Gateway; zero before the first registration.</summary>
    public TimeSpan HeartbeatInterval { get; }

    /// <summary>Ends once the worker is registered and at least one KvStore shard is known.</summary>
    public Task<MembershipSnapshot> WaitForStoreAsync(CancellationToken cancellationToken);
}
