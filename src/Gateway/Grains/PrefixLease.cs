using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Gateway.Routing;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>The leading blocks of a Sequence that the KvStore holds, leased until decode has taken them in.</summary>
internal sealed class PrefixLease
{
    /// <summary>A store that does not answer by then is treated as one that holds nothing.</summary>
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    private readonly RequestServices _services;
    private readonly V1.KvStore.KvStoreClient? _client;
    private string _leaseId;
    private long _renewedAt;

    private PrefixLease(RequestServices services, V1.KvStore.KvStoreClient? client, string leaseId, int heldBlockCount)
    {
        _services = services;
        _client = client;
        _leaseId = leaseId;
        _renewedAt = services.Time.GetTimestamp();
        HeldBlockCount = heldBlockCount;
    }

    public int HeldBlockCount { get; }

    /// <summary>Whether there is a KvStore to hand blocks over through.</summary>
    public bool HasStore => _client is not null;

    public static async Task<PrefixLease> TakeAsync(RequestServices services, BlockId[] blockIds, CancellationToken cancellationToken)
    {
        WorkerState[] shards = await services.Pool(PoolKey.KvStore).Snapshot();
        if (shards.FirstOrDefault(shard => !shard.IsDraining) is not { } home)
        {
            return new PrefixLease(services, null, "", 0);
        }

        V1.KvStore.KvStoreClient client = services.Clients.KvStore(home.Worker.Address);
        if (blockIds.Length == 0)
        {
            return new PrefixLease(services, client, "", 0);
        }

        try
        {
            var request = new LookupRequest { LeaseMs = services.Options.LeaseMs };
            request.BlockIds.AddRange(blockIds.ToByteStrings());
            LookupReply reply = await client.LookupAsync(request, deadline: Deadline(), cancellationToken: cancellationToken);
            return new PrefixLease(services, client, reply.LeaseId, Math.Min(reply.HeldBlockCount, blockIds.Length));
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.LookupFailed(services.Logger, home.Worker.Address, e.Status.ToString());
            return new PrefixLease(services, client, "", 0);
        }
    }

    /// <summary>Extends the lease once half of its time is gone.</summary>
    public async Task RenewIfDueAsync(CancellationToken cancellationToken)
    {
        TimeSpan half = TimeSpan.FromMilliseconds(_services.Options.LeaseMs / 2);
        if (_leaseId.Length == 0 || _services.Time.GetElapsedTime(_renewedAt) < half)
        {
            return;
        }

        _renewedAt = _services.Time.GetTimestamp();
        try
        {
            await _client!.RenewLeaseAsync(
                new RenewLeaseRequest { LeaseId = _leaseId, LeaseMs = _services.Options.LeaseMs },
                deadline: Deadline(),
                cancellationToken: cancellationToken);
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.LeaseNotRenewed(_services.Logger, _leaseId, e.Status.ToString());
        }
    }

    /// <summary>Gives the lease back; at most once.</summary>
    public async Task ReleaseAsync()
    {
        string leaseId = _leaseId;
        _leaseId = "";
        if (leaseId.Length == 0)
        {
            return;
        }

        try
        {
            await _client!.ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = leaseId }, deadline: Deadline());
        }
        catch (RpcException e)
        {
            Log.LeaseNotReleased(_services.Logger, leaseId, e.Status.ToString());
        }
    }

    /// <summary>Deadlines are wall-clock times of the machine, whatever clock the policies run on.</summary>
    private static DateTime Deadline() => DateTime.UtcNow + AnswerTimeout;
}
