using System.Threading.Channels;
using Grpc.Core;
using KvCluster.Inference.Cache;
using KvCluster.Workers;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>
/// Sends Blocks that fill up here to the KvStore, so that another worker can take their Sequence over. Best effort: what the
/// store does not take, or what comes faster than it goes, is counted and left out.
/// </summary>
internal sealed class WriteBehind(KvStoreShards store, long limitBytes, DecodeMetrics metrics, ILogger<WriteBehind> log)
    : BackgroundService, ISlabSink
{
    private readonly Channel<SealedBlock> _blocks =
        Channel.CreateUnbounded<SealedBlock>(new UnboundedChannelOptions { SingleReader = true });

    private long _queuedBytes;

    public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer)
    {
        if (layer + 1 < block.LayerCount)
        {
            return;
        }

        if (Interlocked.Read(ref _queuedBytes) + block.SizeBytes > limitBytes)
        {
            metrics.RecordUnwritten(1, "queue_full");
            return;
        }

        var sealedBlock = new SealedBlock(block, cache.WriterEpoch, cache.Root);
        Interlocked.Add(ref _queuedBytes, sealedBlock.SizeBytes);
        if (!_blocks.Writer.TryWrite(sealedBlock))
        {
            Done(sealedBlock);
            metrics.RecordUnwritten(1, "stopped");
        }
    }

    /// <summary>Sends what is queued while the host's shutdown time lasts, then lets go of the rest.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _blocks.Writer.TryComplete();
        if (ExecuteTask is { } running)
        {
            await running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
        while (_blocks.Reader.TryRead(out var left))
        {
            Done(left);
            metrics.RecordUnwritten(1, "stopped");
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Not the token of the host's stop: StopAsync closes the queue and gives what is left some time.
        while (await _blocks.Reader.WaitToReadAsync(stoppingToken))
        {
            while (_blocks.Reader.TryRead(out var block))
            {
                await SendAsync(block, stoppingToken);
            }
        }
    }

    private async Task SendAsync(SealedBlock block, CancellationToken cancellationToken)
    {
        try
        {
            if (store.View.Live.Count == 0)
            {
                metrics.RecordUnwritten(1, "no_store");
                return;
            }

            await using var writer = store.OpenWriter(block.Epoch, block.Root, cancellationToken);
            for (var layer = 0; layer < block.LayerCount; layer++)
            {
                await writer.EnqueueAsync(block.BlockId, layer, block.LayerCount, block.Take(layer));
            }

            await writer.CompleteAsync();
            metrics.RecordWritten(1);
        }
        catch (RpcException error)
        {
            metrics.RecordUnwritten(1, error.StatusCode.ToString());
            log.BlockNotWritten(block.BlockId, error.StatusCode, error.Status.Detail);
        }
        finally
        {
            Done(block);
        }
    }

    private void Done(SealedBlock block)
    {
        Interlocked.Add(ref _queuedBytes, -block.SizeBytes);
        block.Dispose();
    }
}
