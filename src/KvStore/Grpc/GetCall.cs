using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tiers;
using KvCluster.V1;

namespace KvCluster.KvStore.Grpc;

/// <summary>Sends the slabs of one Get, each verified, as they come.</summary>
internal sealed class GetCall(IBlockTier tier, BlockId owner, TimeSpan wait, string requestId, TimeProvider time, ILogger logger)
{
    private long _lastProgress = time.GetTimestamp();
    private Task _location = Task.CompletedTask;
    private bool _wasLocated;

    public async Task RunAsync(
        IReadOnlyList<BlockId> blockIds, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken)
    {
        // Beside the read: blocks that are here, or are being put, do not wait for what a slow tier knows.
        _location = tier.LocateAsync(blockIds, isChain: false, cancellationToken);
        _wasLocated = _location.IsCompletedSuccessfully;
        ReadSession session = tier.OpenRead(blockIds, owner);
        try
        {
            for (ReadStep step = tier.Read(session); step.Kind != ReadStepKind.Finished; step = tier.Read(session))
            {
                switch (step.Kind)
                {
                    case ReadStepKind.Slab:
                        await SendSlabAsync(step, output, cancellationToken);
                        break;
                    case ReadStepKind.Aborted:
                        await SendStatusAsync(step.Cursor!, step.LayerCount, SlabStatus.Aborted, output, cancellationToken);
                        break;
                    case ReadStepKind.Lost:
                        Log.StoredBlockLost(logger, step.Cursor!.BlockId, requestId);
                        await SendStatusAsync(step.Cursor, step.LayerCount, SlabStatus.Corrupt, output, cancellationToken);
                        break;
                    default:
                        if (!await WaitAsync(step, cancellationToken))
                        {
                            await SendMissingAsync(session, output, cancellationToken);
                            return;
                        }

                        break;
                }
            }
        }
        finally
        {
            tier.CloseRead(session);
        }
    }

    private async Task SendSlabAsync(ReadStep step, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken)
    {
        BlockCursor cursor = step.Cursor!;
        using var frame = new Protocol.SlabFrame(cursor.BlockId, step.Layer, step.LayerCount, step.Slab);
        SlabError error = Slab.Verify(
            frame.SlabBytes, new SlabExpectation { BlockId = cursor.BlockId, Layer = step.Layer }, out _);
        if (error != SlabError.None)
        {
            Log.StoredSlabCorrupt(logger, cursor.BlockId, step.Layer, error, requestId);
            tier.ReportCorrupt(cursor, step.Layer);
            await SendStatusAsync(cursor, step.LayerCount, SlabStatus.Corrupt, output, cancellationToken);
            return;
        }

        int sizeBytes = frame.SlabBytes.Length;
        await output.WriteAsync(frame, cancellationToken);
        tier.Counters.SentSlab(sizeBytes, step.IsCutThrough);
        _lastProgress = time.GetTimestamp();
        if (step.Layer + 1 == step.LayerCount)
        {
            tier.Delivered(cursor);
        }
    }

    /// <summary>False when the wait is over.</summary>
    private async Task<bool> WaitAsync(ReadStep step, CancellationToken cancellationToken)
    {
        if (step.IsFetching)
        {
            await step.Wake!.WaitAsync(cancellationToken);
            return true;
        }

        if (!_wasLocated)
        {
            await Task.WhenAny(step.Wake!, _location).WaitAsync(cancellationToken);
            _wasLocated = _location.IsCompleted;
            return true;
        }

        TimeSpan remaining = wait - time.GetElapsedTime(_lastProgress);
        if (remaining <= TimeSpan.Zero)
        {
            return false;
        }

        try
        {
            await step.Wake!.WaitAsync(remaining, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // What came at the last moment is still read; if nothing did, the next wait has no time left.
        }

        return true;
    }

    private async Task SendMissingAsync(
        ReadSession session, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken)
    {
        foreach (BlockCursor cursor in tier.CloseRead(session).Where(cursor => !cursor.WasCorrupt))
        {
            await SendStatusAsync(cursor, 0, SlabStatus.Missing, output, cancellationToken);
        }
    }

    private static async Task SendStatusAsync(
        BlockCursor cursor,
        int layerCount,
        SlabStatus status,
        IServerStreamWriter<Protocol.SlabFrame> output,
        CancellationToken cancellationToken)
    {
        using var frame = new Protocol.SlabFrame(cursor.BlockId, cursor.NextLayer, layerCount, null) { Status = status };
        await output.WriteAsync(frame, cancellationToken);
    }
}
