using System.Threading.Channels;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Transfer;

/// <summary>
/// Puts slabs to one shard over one call, behind a bounded queue: the compute thread encodes the next layer while the last one
/// is on the wire. Cancelling or disposing before <see cref="CompleteAsync"/> aborts the call; every slab is freed either way.
/// </summary>
public sealed class BlockWriter : IAsyncDisposable
{
    public const int DefaultQueueSlabCount = 256;

    /// <summary>How long a shard may take no slab that waits for it, or not acknowledge the last: longer, and its machine is gone without a word.</summary>
    public static readonly TimeSpan StallTime = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ReplyGrace = TimeSpan.FromSeconds(2);

    private readonly Channel<SlabFrame> _queue;
    private readonly AsyncClientStreamingCall<SlabFrame, PutReply> _call;
    private readonly CancellationTokenSource _abort;
    private readonly CancellationTokenSource _stall;
    private readonly Task<BlockWriteResult> _pump;
    private readonly string _workerId;
    private readonly ulong _epoch;
    private int _sentSlabCount;

    /// <param name="client">The shard.</param>
    /// <param name="workerId">The worker that writes.</param>
    /// <param name="epoch">Its incarnation; the same as in the slabs' headers.</param>
    /// <param name="queueSlabCount">Slabs that may wait for the wire before <see cref="Enqueue"/> waits.</param>
    /// <param name="time">Clock of <see cref="StallTime"/>.</param>
    /// <param name="cancellationToken">Aborts the call.</param>
    public BlockWriter(
        V1.KvStore.KvStoreClient client,
        string workerId,
        ulong epoch,
        int queueSlabCount = DefaultQueueSlabCount,
        TimeProvider? time = null,
        CancellationToken cancellationToken = default)
    {
        _workerId = workerId;
        _epoch = epoch;
        _queue = Channel.CreateBounded<SlabFrame>(new BoundedChannelOptions(queueSlabCount) { SingleReader = true });
        _stall = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time ?? TimeProvider.System);
        _abort = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stall.Token);
        _call = client.Put(cancellationToken: _abort.Token);
        _ = CloseWhenAnsweredAsync();
        _pump = PumpAsync();
    }

    /// <summary>Whether the slabs were read from other shards: they keep the epochs of their first writers.</summary>
    public bool IsCopying { get; init; }

    /// <summary>Whose blocks they are (<see cref="BlockIdChain.OwnerOf"/>); all zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>Ends when the store has acknowledged or refused; faulted with the RpcException in the latter case.</summary>
    public Task<BlockWriteResult> Completion => _pump;

    /// <summary>Slabs that are on the wire.</summary>
    public int SentSlabCount => Volatile.Read(ref _sentSlabCount);

    /// <summary>
    /// Queues a slab and takes over the lease. Waits only while the queue is full.
    /// </summary>
    /// <returns>False when the call has ended: the slab was freed, and <see cref="Completion"/> says why.</returns>
    public bool Enqueue(BlockId blockId, int layer, int layerCount, SlabLease slab, bool transient = false)
    {
        SlabFrame frame = FrameOf(blockId, layer, layerCount, slab, transient);
        while (!_queue.Writer.TryWrite(frame))
        {
            if (!WaitToWrite())
            {
                frame.Dispose();
                return false;
            }
        }

        return true;
    }

    /// <summary><see cref="Enqueue"/> for callers that must not block a thread while the queue is full.</summary>
    public async ValueTask<bool> EnqueueAsync(BlockId blockId, int layer, int layerCount, SlabLease slab, bool transient = false)
    {
        SlabFrame frame = FrameOf(blockId, layer, layerCount, slab, transient);
        while (!_queue.Writer.TryWrite(frame))
        {
            if (!await _queue.Writer.WaitToWriteAsync())
            {
                frame.Dispose();
                return false;
            }
        }

        return true;
    }

    /// <summary>Queues a slab if there is room and the call has not ended; takes the lease over only then.</summary>
    public bool TryEnqueue(BlockId blockId, int layer, int layerCount, SlabLease slab, bool transient = false) =>
        _queue.Writer.TryWrite(FrameOf(blockId, layer, layerCount, slab, transient));

    /// <summary>Waits until there may be room; false when the call has ended.</summary>
    public ValueTask<bool> WaitForRoomAsync() => _queue.Writer.WaitToWriteAsync();

    /// <summary>Sends what is queued, ends the call and returns what the store acknowledged.</summary>
    /// <exception cref="RpcException">The store refused a slab, or was lost.</exception>
    public Task<BlockWriteResult> CompleteAsync()
    {
        _queue.Writer.TryComplete();
        return _pump;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_pump.IsCompleted)
        {
            await _abort.CancelAsync();
            _queue.Writer.TryComplete();
        }

        try
        {
            await _pump;
        }
        catch (RpcException)
        {
            // Completion holds it for whoever wants to know.
        }

        _call.Dispose();
        _abort.Dispose();
        _stall.Dispose();
    }

    private SlabFrame FrameOf(BlockId blockId, int layer, int layerCount, SlabLease slab, bool transient) =>
        new(blockId, layer, layerCount, slab) { WorkerId = _workerId, Epoch = _epoch, Transient = transient, Copied = IsCopying, Owner = Owner };

    private bool WaitToWrite()
    {
        ValueTask<bool> wait = _queue.Writer.WaitToWriteAsync();
        return wait.IsCompleted ? wait.Result : wait.AsTask().GetAwaiter().GetResult();
    }

    private async Task CloseWhenAnsweredAsync()
    {
        await _call.ResponseAsync.ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _queue.Writer.TryComplete();
    }

    private async Task<BlockWriteResult> PumpAsync()
    {
        long bytesSent = 0;
        try
        {
            while (await _queue.Reader.WaitToReadAsync())
            {
                while (_queue.Reader.TryRead(out SlabFrame? frame))
                {
                    using SlabFrame sent = frame;
                    bytesSent += frame.SlabBytes.Length;
                    _stall.CancelAfter(StallTime);
                    await _call.RequestStream.WriteAsync(frame);
                    Interlocked.Increment(ref _sentSlabCount);
                }

                // Between two slabs nothing is due.
                _stall.CancelAfter(Timeout.InfiniteTimeSpan);
            }

            _stall.CancelAfter(StallTime);
            await _call.RequestStream.CompleteAsync();
        }
        catch (Exception error) when (error is RpcException or InvalidOperationException or IOException or OperationCanceledException)
        {
            // The reply says why the write failed; it is on its way, or else never comes.
            _abort.CancelAfter(ReplyGrace);
        }
        finally
        {
            Drain();
        }

        try
        {
            PutReply reply = await _call.ResponseAsync;
            return new BlockWriteResult(SentSlabCount, bytesSent, reply.SlabsStored, reply.BytesStored, reply.SlabsKnown, reply.IncompleteBlocks);
        }
        catch (RpcException error) when (error.StatusCode == StatusCode.Cancelled && _stall.IsCancellationRequested)
        {
            throw new RpcException(new Status(StatusCode.DeadlineExceeded, $"it took or acknowledged nothing for {StallTime.TotalSeconds} s"));
        }
        finally
        {
            _stall.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }

    private void Drain()
    {
        _queue.Writer.TryComplete();
        while (_queue.Reader.TryRead(out SlabFrame? frame))
        {
            frame.Dispose();
        }
    }
}
