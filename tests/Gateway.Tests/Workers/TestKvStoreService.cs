using System.Collections.Concurrent;
using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>Says that it holds what a test says, and counts leases.</summary>
internal sealed class TestKvStoreService : V1.KvStore.KvStoreBase
{
    private int _leaseCount;
    private int _grantedCount;

    /// <summary>Leading blocks of any chain that are held.</summary>
    public int HeldBlockCount { get; set; }

    /// <summary>What was asked for, lookup by lookup.</summary>
    public ConcurrentQueue<LookupRequest> Lookups { get; } = new();

    public int LeaseCount => Volatile.Read(ref _leaseCount);

    public int GrantedCount => Volatile.Read(ref _grantedCount);

    public override Task<LookupReply> Lookup(LookupRequest request, ServerCallContext context)
    {
        Lookups.Enqueue(request);
        int held = Math.Min(HeldBlockCount, request.BlockIds.Count);
        var reply = new LookupReply { HeldBlockCount = held };
        if (held > 0 && request.LeaseMs > 0)
        {
            reply.LeaseId = $"lease-{Interlocked.Increment(ref _grantedCount)}";
            Interlocked.Increment(ref _leaseCount);
        }

        return Task.FromResult(reply);
    }

    public override Task<ReleaseLeaseReply> ReleaseLease(ReleaseLeaseRequest request, ServerCallContext context)
    {
        Interlocked.Decrement(ref _leaseCount);
        return Task.FromResult(new ReleaseLeaseReply());
    }
}
