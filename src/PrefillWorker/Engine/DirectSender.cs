using Grpc.Core;
using KvCluster.Inference.Engine;
using KvCluster.Protocol.Transfer;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>
/// Sends the slabs of one prompt straight to its decode worker while the prompt is still computed. A decode worker that is lost, refuses, or takes
/// nothing for a while is given up: it reads the blocks from the KvStore, which gets them in any case.
/// </summary>
internal sealed class DirectSender(
    SlabOutbox outbox, DecodeWorkers decodeWorkers, DirectTarget target, ulong epoch, int layerCount, Action onRoom, TimeProvider time, ILogger log)
    : IDisposable
{
    /// <summary>How long the decode worker may take no slab, e.g. because it has no room for the Sequence yet.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<OutgoingSlab> _tail = [];

    /// <summary>Completed when <see cref="RunAsync"/> ends.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Ends when the outbox is closed and the decode worker has acknowledged all of it, or was given up.</summary>
    /// <returns>What it took; nothing when it was given up.</returns>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<SentSlabs> RunAsync(string requestId, CancellationToken cancellationToken)
    {
        var end = new Status(StatusCode.Cancelled, "");
        try
        {
            await using var writer = decodeWorkers.OpenWriter(target, epoch, cancellationToken);
            var sent = await SendAsync(writer, cancellationToken);
            end = Status.DefaultSuccess;
            return sent;
        }
        catch (RpcException error) when (!cancellationToken.IsCancellationRequested)
        {
            end = error.Status;
            log.NotHandedOver(requestId, target.Address, end.StatusCode, end.Detail);
            return default;
        }
        finally
        {
            CloseOutbox();
            onRoom();
            if (end.StatusCode is StatusCode.OK or StatusCode.Cancelled)
            {
                Dispose();
            }

            _ended.SetResult();
        }
    }

    /// <summary>Lets go of the Tail; once both senders have ended.</summary>
    public void Dispose()
    {
        _tail.ForEach(slab => slab.Slab.Dispose());
        _tail.Clear();
    }

    /// <summary>Hands over, once <see cref="Ended"/>, the next slab of the Tail that the KvStore should have: none, unless the decode worker still wants it.</summary>
    public bool TryTakeUndelivered(out OutgoingSlab slab)
    {
        slab = _tail.FirstOrDefault();
        if (_tail.Count == 0)
        {
            return false;
        }

        _tail.RemoveAt(0);
        return true;
    }

    private async Task<SentSlabs> SendAsync(BlockWriter writer, CancellationToken cancellationToken)
    {
        while (await outbox.WaitAsync(cancellationToken))
        {
            while (outbox.TryTake(out var slab))
            {
                if (slab.IsTransient)
                {
                    _tail.Add(slab with { Slab = slab.Slab.Share() });
                }

                await EnqueueAsync(writer, slab);
            }

            onRoom();
        }

        var completion = writer.CompleteAsync();
        for (var seen = -1; !completion.IsCompleted && writer.SentSlabCount != seen;)
        {
            seen = writer.SentSlabCount;
            await Task.WhenAny(completion, Task.Delay(Patience, time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }

        var result = completion.IsCompleted ? await completion : throw TookNothing();
        return new SentSlabs(result.SlabsSent, result.BytesSent);
    }

    private async Task EnqueueAsync(BlockWriter writer, OutgoingSlab slab)
    {
        while (!writer.TryEnqueue(slab.BlockId, slab.Layer, layerCount, slab.Slab, slab.IsTransient))
        {
            try
            {
                if (await writer.WaitForRoomAsync().AsTask().WaitAsync(Patience, time))
                {
                    continue;
                }
            }
            catch (TimeoutException)
            {
                slab.Slab.Dispose();
                throw TookNothing();
            }

            slab.Slab.Dispose();
            await writer.Completion;
            throw new RpcException(new Status(StatusCode.Aborted, "the decode worker ended the hand-over before it was whole"));
        }
    }

    /// <summary>What is queued of the Tail is kept: it can still go through the KvStore.</summary>
    private void CloseOutbox()
    {
        outbox.Close();
        while (outbox.TryTake(out var slab))
        {
            if (slab.IsTransient)
            {
                _tail.Add(slab);
            }
            else
            {
                slab.Slab.Dispose();
            }
        }
    }

    private static RpcException TookNothing() =>
        new(new Status(StatusCode.DeadlineExceeded, $"it took no slab for {Patience.TotalSeconds} s"));
}
