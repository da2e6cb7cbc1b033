using System.Collections.Concurrent;
using Grpc.Core;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>Says that it holds what a test says, and counts leases.</summary>
internal sealed class TestKvStoreService : V1.KvStore.KvStoreBase
{
    private int _leaseCount;
    private int _grantedCount;
    private int _renewalCount;

    /// <summary>Leading blocks of any chain that are held.</summary>
    public int HeldBlockCount { get; set; }

    /// <summary>What was asked for, lookup by lookup.</summary>
    public ConcurrentQueue<LookupRequest> Lookups { get; } = new();

    public int LeaseCount => Volatile.Read(ref _leaseCount);

    /// <summary>Whether leases are gone when they should be renewed.</summary>
    public bool LosesLeases { get; set; }

    public int RenewalCount => Volatile.Read(ref _renewalCount);

    public int GrantedCount => Volatile.Read(ref _grantedCount);

    public override Task<LookupReply> Lookup(LookupRequest request, ServerCallContext context)
    {
        Lookups.Enqueue(request);
        int held = Math.Min(HeldBlockCount, request.BlockIds.Count);
        bool[] isHeld = [.. request.BlockIds.Select((_, i) => i < held)];
        var reply = new LookupReply { HeldBlockCount = held, HeldBits = request.Every ? HeldBits.Pack(isHeld) : Google.Protobuf.ByteString.Empty };
        if (held > 0 && request.LeaseMs > 0)
        {
            reply.LeaseId = $"lease-{Interlocked.Increment(ref _grantedCount)}";
            Interlocked.Increment(ref _leaseCount);
        }

        return Task.FromResult(reply);
    }

    public override Task<RenewLeaseReply> RenewLease(RenewLeaseRequest request, ServerCallContext context)
    {
        if (LosesLeases)
        {
            Interlocked.Decrement(ref _leaseCount);
            throw new RpcException(new Status(StatusCode.NotFound, "expired"));
        }

        Interlocked.Increment(ref _renewalCount);
        return Task.FromResult(new RenewLeaseReply());
    }

    public override Task<ReleaseLeaseReply> ReleaseLease(ReleaseLeaseRequest request, ServerCallContext context)
    {
        Interlocked.Decrement(ref _leaseCount);
        return Task.FromResult(new ReleaseLeaseReply());
    }
}
