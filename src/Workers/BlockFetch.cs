using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.Workers;

/// <summary>
/// Brings what an intake lacks from the KvStore. Whatever is missing or bad afterwards is computed instead, so a lost store costs
/// time, never a request. A Block with a refused slab is dropped in the store, for other readers' sake.
/// </summary>
/// <param name="intake">Filled here; touched by nobody else while a read runs.</param>
/// <param name="store">The shards.</param>
/// <param name="requestId">Whose request.</param>
/// <param name="onRefused">Hears the reason of each refusal, for metrics.</param>
/// <param name="log">Hears of refusals and lost shards.</param>
internal sealed class BlockFetch(
    BlockIntake intake, KvStoreShards store, string requestId, Action<string> onRefused, ILogger log)
{
    private readonly Lock _gate = new();
    private long _arrivalCount;

    /// <summary>Slabs that have arrived, good or bad.</summary>
    public long ArrivalCount => Interlocked.Read(ref _arrivalCount);

    /// <summary>Asks for everything that is missing, and returns when it is here or is said not to come.</summary>
    /// <param name="wait">How long the store may wait for a slab that is still to be put.</param>
    /// <param name="cancellationToken">Ends the read; what is here stays.</param>
    public async Task ReadMissingAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        var reads = intake.Missing()
            .GroupBy(store.HomeOf)
            .Select(group => ReadAsync(group.Key, [.. group], wait, cancellationToken))
            .ToList();
        await Task.WhenAll(reads);
    }

    private async Task ReadAsync(KvStoreShard? shard, List<BlockId> blockIds, TimeSpan wait, CancellationToken cancellationToken)
    {
        if (shard is null)
        {
            return;
        }

        var dropped = new HashSet<BlockId>();
        var wanted = blockIds.ConvertAll(id => new WantedBlock(id, intake.Expectation(id)));
        try
        {
            await foreach (var arrival in shard.Reader.ReadAsync(wanted, wait, requestId, cancellationToken))
            {
                Interlocked.Increment(ref _arrivalCount);
                var reason = Take(arrival);
                if (reason != SlabError.None)
                {
                    var blockId = blockIds[arrival.BlockIndex];
                    onRefused(reason.MetricName());
                    if (dropped.Add(blockId))
                    {
                        log.SlabRefused(requestId, blockId, arrival.Layer, reason.Message());
                        await shard.Reader.DropAsync([blockId], reason, cancellationToken);
                    }
                }
            }
        }
        catch (RpcException error) when (!cancellationToken.IsCancellationRequested)
        {
            log.ReadFailed(requestId, shard.Address, error.Status.StatusCode, error.Status.Detail);
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private SlabError Take(in SlabArrival arrival)
    {
        lock (_gate)
        {
            if (arrival.Slab is { } slab)
            {
                return intake.Add(arrival.Header, slab);
            }

            if (arrival.Error != SlabError.None)
            {
                intake.CountRefused();
                return arrival.Error;
            }

            if (arrival.Status == SlabStatus.Corrupt)
            {
                // The store has found and dropped it by itself.
                intake.CountRefused();
                onRefused("stored_corrupt");
            }

            return SlabError.None;
        }
    }
}
