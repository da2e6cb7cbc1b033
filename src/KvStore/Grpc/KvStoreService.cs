using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using Microsoft.Extensions.Options;

namespace KvCluster.KvStore.Grpc;

/// <summary>The service of kvstore.proto over a tier.</summary>
internal sealed class KvStoreService(
    IBlockTier tier, KvStoreCalls calls, SlabListener listener, IOptions<KvStoreOptions> options, TimeProvider time, ILogger<KvStoreService> logger) : V1.KvStore.KvStoreBase
{
    public override Task<PutReply> Put(IAsyncStreamReader<Protocol.SlabFrame> requestStream, ServerCallContext context) =>
        calls.PutAsync(requestStream, context.CancellationToken);

    public override Task Get(GetRequest request, IServerStreamWriter<Protocol.SlabFrame> responseStream, ServerCallContext context) =>
        calls.GetAsync(request, responseStream, context.CancellationToken);

    public override Task<EndpointsReply> Endpoints(EndpointsRequest request, ServerCallContext context) =>
        Task.FromResult(listener.Advertised);

    public override async Task<LookupReply> Lookup(LookupRequest request, ServerCallContext context)
    {
        BlockId[] ids = KvStoreCalls.ParseIds(request.BlockIds);
        TimeSpan leaseTime = request.LeaseMs == 0 ? TimeSpan.Zero : LeaseTime(request.LeaseMs);
        await tier.LocateAsync(ids, isChain: !request.Every, context.CancellationToken);
        if (!request.Every)
        {
            int held = tier.Lookup(ids, leaseTime, out string leaseId);
            return new LookupReply { HeldBlockCount = held, LeaseId = leaseId };
        }

        bool[] isHeld = tier.LookupEvery(ids, leaseTime, out string leaseOfAll);
        int leading = Array.IndexOf(isHeld, false);
        return new LookupReply
        {
            HeldBlockCount = leading < 0 ? ids.Length : leading,
            LeaseId = leaseOfAll,
            HeldBits = HeldBits.Pack(isHeld),
        };
    }

    public override Task<RenewLeaseReply> RenewLease(RenewLeaseRequest request, ServerCallContext context) =>
        tier.TryRenewLease(request.LeaseId, LeaseTime(request.LeaseMs))
            ? Task.FromResult(new RenewLeaseReply())
            : throw new RpcException(StoreStatus.LeaseUnknown(request.LeaseId));

    public override Task<ReleaseLeaseReply> ReleaseLease(ReleaseLeaseRequest request, ServerCallContext context)
    {
        tier.ReleaseLease(request.LeaseId);
        return Task.FromResult(new ReleaseLeaseReply());
    }

    public override Task<PinReply> Pin(PinRequest request, ServerCallContext context)
    {
        BlockId[] ids = KvStoreCalls.ParseIds(request.BlockIds);
        double maxMs = options.Value.MaxPinTime.TotalMilliseconds;
        if (request.PinMs < 1 || request.PinMs > maxMs)
        {
            throw new RpcException(CallStatus.InvalidField("pin_ms", $"must be 1 to {maxMs} (KvStore:MaxPinTime), not {request.PinMs}"));
        }

        PinOutcome outcome = tier.Pin(ids, TimeSpan.FromMilliseconds(request.PinMs), request.Every);
        return outcome.IsFull
            ? throw new RpcException(StoreStatus.PinsFull(options.Value.MaxPinnedShare))
            : Task.FromResult(new PinReply { PinnedBlockCount = outcome.BlockCount, PinId = outcome.PinId });
    }

    public override Task<UnpinReply> Unpin(UnpinRequest request, ServerCallContext context)
    {
        tier.ReleaseLease(request.PinId);
        return Task.FromResult(new UnpinReply());
    }

    public override Task<DropReply> Drop(DropRequest request, ServerCallContext context)
    {
        BlockId[] ids = KvStoreCalls.ParseIds(request.BlockIds);
        int dropped = ids.Count(tier.Drop);
        Log.Dropped(logger, dropped, ids.Length, request.Reason);
        return Task.FromResult(new DropReply { DroppedBlockCount = dropped });
    }

    public override Task<StatReply> Stat(StatRequest request, ServerCallContext context)
    {
        TierStat stat = tier.Stat();
        StoreCounters counters = tier.Counters;
        var reply = new StatReply
        {
            BlockCount = stat.BlockCount,
            ByteCount = stat.ByteCount,
            ByteBudget = stat.ByteBudget,
            LeasedBlockCount = stat.LeasedBlockCount,
            PendingBlockCount = stat.PendingBlockCount,
            ReadBlockCount = stat.ReadBlockCount,
            WaitingReaderCount = stat.WaitingReaderCount,
            PutSlabs = counters.PutSlabs,
            PutBytes = counters.PutBytes,
            GetSlabs = counters.GetSlabs,
            GetBytes = counters.GetBytes,
            HitBlocks = counters.HitBlocks,
            MissBlocks = counters.MissBlocks,
            EvictedBlocks = counters.EvictedBlocks,
            RefusedSlabs = counters.RefusedSlabs,
            CorruptSlabs = counters.CorruptSlabs,
            CutThroughSlabs = counters.CutThroughSlabs,
            StaleEpochPuts = counters.StaleEpochPuts,
            DroppedBlocks = counters.DroppedBlocks,
            AbortedBlocks = counters.AbortedBlocks,
            PinnedByteCount = stat.PinnedByteCount,
            OverQuotaBlocks = counters.OverQuotaBlocks,
            ExpiredBlocks = counters.ExpiredBlocks,
        };
        foreach (IColdTier cold in tier.ColdTiers)
        {
            switch (cold)
            {
                case DiskTier disk:
                    reply.Disk = ColdStats.Describe(disk, counters);
                    break;
                case RedisTier redis:
                    reply.Redis = ColdStats.Describe(redis);
                    break;
            }
        }

        return Task.FromResult(reply);
    }

    public override Task Drain(DrainRequest request, IServerStreamWriter<DrainReply> responseStream, ServerCallContext context) =>
        tier is TieredStore store
            ? new DrainCall(store, time).RunAsync(responseStream, context.CancellationToken)
            : throw new RpcException(StoreStatus.NothingBelow);

    private TimeSpan LeaseTime(int leaseMs)
    {
        double maxMs = options.Value.MaxLeaseTime.TotalMilliseconds;
        return leaseMs >= 1 && leaseMs <= maxMs
            ? TimeSpan.FromMilliseconds(leaseMs)
            : throw new RpcException(CallStatus.InvalidField("lease_ms", $"must be 1 to {maxMs} (KvStore:MaxLeaseTime), not {leaseMs}"));
    }
}
