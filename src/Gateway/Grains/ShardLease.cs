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
    private readonly BlockId[] _heldIds;
    private string _leaseId;
    private bool _isReleased;

    private ShardLease(RequestServices services, string address, string leaseId, BlockId[] blockIds, int[] heldIndexes)
    {
        _services = services;
        _leaseId = leaseId;
        _heldIds = Array.ConvertAll(heldIndexes, index => blockIds[index]);
        Address = address;
        HeldIndexes = heldIndexes;
    }

    public string Address { get; }

    /// <summary>The blocks that it holds, as indexes in those of the Sequence.</summary>
    public int[] HeldIndexes { get; }

    /// <param name="services">Clients and options.</param>
    /// <param name="address">The shard.</param>
    /// <param name="blockIds">Of the Sequence.</param>
    /// <param name="indexes">Those that it may have.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    public static async Task<ShardLease> TakeAsync(
        RequestServices services, string address, BlockId[] blockIds, int[] indexes, CancellationToken cancellationToken)
    {
        try
        {
            LookupReply reply = await LookupAsync(services, address, indexes.Select(index => blockIds[index]), cancellationToken);
            services.StoreHealth.NoteSuccess(address);
            return new ShardLease(services, address, reply.LeaseId, blockIds, [.. indexes.Where((_, i) => HeldBits.Get(reply.HeldBits, i))]);
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            services.StoreHealth.NoteFailure(address);
            Log.LookupFailed(services.Logger, address, e.Status.ToString());
            return new ShardLease(services, address, "", blockIds, []);
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
            if (e.StatusCode == StatusCode.NotFound)
            {
                await TakeAgainAsync(cancellationToken);
            }
        }
    }

    public async Task ReleaseAsync()
    {
        _isReleased = true;
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

    private static async Task<LookupReply> LookupAsync(
        RequestServices services, string address, IEnumerable<BlockId> blockIds, CancellationToken cancellationToken)
    {
        var request = new LookupRequest { LeaseMs = services.Options.LeaseMs, Every = true };
        request.BlockIds.AddRange(blockIds.ToByteStrings());
        return await services.Clients.KvStore(address).LookupAsync(request, deadline: Deadline(), cancellationToken: cancellationToken);
    }

    /// <summary>The shard was restarted, or paused for longer than the lease: what it still has is leased again.</summary>
    private async Task TakeAgainAsync(CancellationToken cancellationToken)
    {
        _leaseId = "";
        try
        {
            LookupReply reply = await LookupAsync(_services, Address, _heldIds, cancellationToken);
            _leaseId = reply.LeaseId;
            if (_isReleased)
            {
                await ReleaseAsync();
            }
        }
        catch (RpcException e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.LookupFailed(_services.Logger, Address, e.Status.ToString());
        }
    }

    /// <summary>Deadlines are wall-clock times of the machine, whatever clock the policies run on.</summary>
    private static DateTime Deadline() => DateTime.UtcNow + AnswerTimeout;
}
