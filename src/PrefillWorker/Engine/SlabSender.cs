using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Engine;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>
/// Sends the slabs of one prompt to the homes of their Blocks while the prompt is still computed. A store that refuses or is
/// lost does not stop the prompt: its first token is still worth having, and the decode worker computes what it can't get.
/// </summary>
/// <remarks>
/// Beside a direct hand-over it is the second way: the Tail comes here only when the decode worker did not take it.
/// </remarks>
internal sealed class SlabSender(
    SlabOutbox outbox, DirectSender? direct, KvStoreShards store, ulong epoch, BlockId root, int layerCount, Action onRoom, ILogger log)
{
    /// <summary>Ends when the outbox is closed and every Block is acknowledged.</summary>
    /// <exception cref="RpcException">UNAVAILABLE: the store did not take all of it.</exception>
    public async Task<SentSlabs> RunAsync(string requestId, CancellationToken cancellationToken)
    {
        await using var writer = store.OpenWriter(epoch, root, cancellationToken);
        while (await outbox.WaitAsync(cancellationToken))
        {
            while (outbox.TryTake(out var slab))
            {
                await writer.EnqueueAsync(slab.BlockId, slab.Layer, layerCount, slab.Slab, slab.IsTransient);
            }

            onRoom();
        }

        if (direct is not null)
        {
            await direct.Ended;
            while (direct.TryTakeUndelivered(out var slab))
            {
                await writer.EnqueueAsync(slab.BlockId, slab.Layer, layerCount, slab.Slab, slab.IsTransient);
            }
        }

        try
        {
            var sent = await writer.CompleteAsync();
            return new SentSlabs(sent.SlabCount, sent.Bytes);
        }
        catch (RpcException error)
        {
            throw Lost(requestId, error.Status);
        }
    }

    private RpcException Lost(string requestId, Status failure)
    {
        log.SlabsNotStored(requestId, failure.StatusCode, failure.Detail);
        return new RpcException(new Status(
            StatusCode.Unavailable, $"The KvStore did not take the slabs of this prompt: {failure.StatusCode} {failure.Detail}"));
    }
}
