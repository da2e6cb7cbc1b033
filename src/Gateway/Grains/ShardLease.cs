using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>One shard's part of a <see cref="PrefixLease"/>. A shard that fails is one that holds nothing.</summary>
internal sealed class ShardLease
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);

    private readonly RequestServices _services;
    private string _leaseId;

    private ShardLease(RequestServices services, string address, string leaseId, int heldBlockCount)
    {
        _services = services;
        _leaseId = leaseId;
        Address = address;
        HeldBlockCount = heldBlockCount;
    }

    public string Address { get; }

    /// <summary>How many of the blocks asked for it holds, from the first on.</summary>
    public int HeldBlockCount { get; }

    public static async Task<ShardLease> TakeAsync(
        RequestServices services, string address, BlockId[] blockIds, CancellationToken cancellationToken)
    {
        try
        {
            var request = new LookupRequest { LeaseMs = services.Options.LeaseMs };
            request.BlockIds.AddRange(blockIds.ToByteStrings());
            LookupReply reply = await services.Clients.KvStore(address).LookupAsync(
                request, deadline: Deadline(), cancellationToken: cancellationToken);
            return new ShardLease(services, address, reply.LeaseId, Math.Min(reply.HeldBlockCount, blockIds.Length));
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.LookupFailed(services.Logger, address, e.Status.ToString());
            return new ShardLease(services, address, "", 0);
        }
    }

    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        if (_leaseId.Length == 0)
        {
            return;
        }

        try
        {
            await _services.Clients.KvStore(Address).RenewLeaseAsync(
                new RenewLeaseRequest { LeaseId = _leaseId, LeaseMs = _services.Options.LeaseMs },
                deadline: Deadline(),
                cancellationToken: cancellationToken);
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.LeaseNotRenewed(_services.Logger, _leaseId, e.Status.ToString());
        }
    }

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
            await _services.Clients.KvStore(Address).ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = leaseId }, deadline: Deadline());
        }
        catch (RpcException e)
        {
            Log.LeaseNotReleased(_services.Logger, leaseId, e.Status.ToString());
        }
    }

    /// <summary>Deadlines are wall-clock times of the machine, whatever clock the policies run on.</summary>
    private static DateTime Deadline() => DateTime.UtcNow + AnswerTimeout;
}
