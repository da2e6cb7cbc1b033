using System.Collections.Concurrent;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.Workers;

/// <summary>
/// Brings what an intake lacks from the KvStore. Whatever is missing or bad afterwards is computed instead, so a lost store costs
/// time, never a request.
/// </summary>
/// <param name="intake">Filled here.</param>
/// <param name="root">Parent of the first Block of the Sequence.</param>
/// <param name="store">The shards.</param>
/// <param name="requestId">Whose request.</param>
/// <param name="onRefused">Hears the reason of each refusal, for metrics.</param>
/// <param name="log">Hears of refusals and lost shards.</param>
internal sealed class BlockFetch(
    BlockIntake intake, BlockId root, KvStoreShards store, string requestId, Action<string> onRefused, ILogger log)
{
    private readonly ConcurrentDictionary<BlockId, bool> _refused = [];
    private long _arrivalCount;

    /// <summary>Slabs that have arrived, good or bad.</summary>
    public long ArrivalCount => Interlocked.Read(ref _arrivalCount);

    /// <summary>Asks for everything that is missing, of all shards at once, and returns when it is here or is said not to come.</summary>
    /// <param name="wait">How long the store may wait for a slab that is still to be put.</param>
    /// <param name="heldBlockCount">How many of the missing Blocks, from the first on, the store should hold by now.</param>
    /// <param name="cancellationToken">Ends the read; what is here stays.</param>
    public Task ReadMissingAsync(TimeSpan wait, int heldBlockCount, CancellationToken cancellationToken) =>
        ReadAsync(intake.Missing(), wait, heldBlockCount, cancellationToken);

    /// <summary>Asks for what is missing of the first Blocks, as far as the store holds it by now.</summary>
    public Task ReadPrefixAsync(int blockCount, CancellationToken cancellationToken) =>
        ReadAsync(intake.MissingOfPrefix(blockCount), TimeSpan.Zero, blockCount, cancellationToken);

    private async Task ReadAsync(List<BlockId> blockIds, TimeSpan wait, int heldBlockCount, CancellationToken cancellationToken)
    {
        var read = new ShardRead
        {
            Blocks = blockIds.ConvertAll(id => new WantedBlock(id, intake.Expectation(id))),
            HeldBlockCount = heldBlockCount,
            Wait = wait,
            RequestId = requestId,
            Owner = BlockIdChain.OwnerOf(root),
            OnArrival = Take,
            OnRefused = (blockId, layer, address, reason) =>
            {
                onRefused(reason.MetricName());
                if (_refused.TryAdd(blockId, true))
                {
                    log.SlabRefused(requestId, blockId, layer, address, reason.Message());
                }
            },
            OnShardFailed = (address, status) => log.ReadFailed(requestId, address, status.StatusCode, status.Detail),
        };
        await store.Reader.ReadAsync(read, store.View, cancellationToken);
    }

    private SlabError Take(SlabArrival arrival)
    {
        Interlocked.Increment(ref _arrivalCount);
        if (arrival.Slab is { } slab)
        {
            return intake.Add(arrival.Header, slab);
        }

        if (arrival.Error != SlabError.None)
        {
            intake.CountRefused();
        }
        else if (arrival.Status == SlabStatus.Corrupt)
        {
            // The store has found and dropped it by itself.
            intake.CountRefused();
            onRefused("stored_corrupt");
        }

        return arrival.Error;
    }
}
