using Grpc.Core;
using KvCluster.Inference.Engine;
using KvCluster.Protocol.Transfer;
using KvCluster.Workers;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>
/// Sends the slabs of one prompt to the homes of their Blocks while the prompt is still computed. A store that refuses or is
/// lost does not stop the prompt: its first token is still worth having, and the decode worker computes what it can't get.
/// </summary>
internal sealed class SlabSender(
    SlabOutbox outbox, KvStoreShards store, ulong epoch, int layerCount, Action onRoom, ILogger log)
{
    private readonly Dictionary<KvStoreShard, BlockWriter> _writers = [];
    private Status? _failure;

    /// <summary>Ends when the outbox is closed and every shard has acknowledged.</summary>
    /// <exception cref="RpcException">UNAVAILABLE: the store did not take all of it.</exception>
    public async Task<SentSlabs> RunAsync(string requestId, CancellationToken cancellationToken)
    {
        try
        {
            while (await outbox.WaitAsync(cancellationToken))
            {
                while (outbox.TryTake(out var slab))
                {
                    await SendAsync(slab, cancellationToken);
                }

                onRoom();
            }

            var sent = default(SentSlabs);
            foreach (var writer in _writers.Values)
            {
                sent = await AddAsync(sent, writer);
            }

            return _failure is not { } failure ? sent : throw Lost(requestId, failure);
        }
        finally
        {
            foreach (var writer in _writers.Values)
            {
                await writer.DisposeAsync();
            }
        }
    }

    private async Task SendAsync(OutgoingSlab slab, CancellationToken cancellationToken)
    {
        if (_failure is not null || store.HomeOf(slab.BlockId) is not { } home)
        {
            _failure ??= new Status(StatusCode.Unavailable, "no KvStore shard is known");
            slab.Slab.Dispose();
            return;
        }

        if (!_writers.TryGetValue(home, out var writer))
        {
            _writers[home] = writer = home.OpenWriter(epoch, cancellationToken);
        }

        if (!await writer.EnqueueAsync(slab.BlockId, slab.Layer, layerCount, slab.Slab, slab.IsTransient))
        {
            // The call has ended; why, comes with its completion.
            await AddAsync(default, writer);
        }
    }

    private async Task<SentSlabs> AddAsync(SentSlabs sent, BlockWriter writer)
    {
        try
        {
            var result = await writer.CompleteAsync();
            return new SentSlabs(sent.SlabCount + result.SlabsSent, sent.Bytes + result.BytesSent);
        }
        catch (RpcException error)
        {
            _failure ??= error.Status;
            return sent;
        }
    }

    private RpcException Lost(string requestId, Status failure)
    {
        log.SlabsNotStored(requestId, failure.StatusCode, failure.Detail);
        return new RpcException(new Status(
            StatusCode.Unavailable, $"The KvStore did not take the slabs of this prompt: {failure.StatusCode} {failure.Detail}"));
    }
}
