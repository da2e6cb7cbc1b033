using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Cold;

/// <summary>Blocks that wait to be written, what is to be dropped, and who waits for that. Not thread-safe: the tier's lock guards it.</summary>
/// <typeparam name="TDrop">Names something stored that is to be dropped.</typeparam>
/// <param name="gate">The tier's lock.</param>
/// <param name="limitBytes">Most bytes of slabs; a larger block may wait alone.</param>
/// <param name="counters">Counts what is skipped.</param>
internal sealed class WriteQueue<TDrop>(Lock gate, long limitBytes, ColdCounters counters)
{
    private readonly Dictionary<BlockId, ColdBlock> _blocks = [];
    private readonly Queue<ColdBlock> _order = new();
    private readonly Queue<TDrop> _drops = new();
    private readonly List<TaskCompletionSource> _flushWaiters = [];
    private TaskCompletionSource _progress = NewSignal();
    private TaskCompletionSource _work = NewSignal();

    /// <summary>Blocks that wait or are being written.</summary>
    public int Count => _blocks.Count;

    public long SizeBytes { get; private set; }

    public bool IsClosed { get; private set; }

    public bool IsEmpty => _blocks.Count == 0 && _drops.Count == 0;

    /// <summary>Ends when there is something to do.</summary>
    public Task Work => _work.Task;

    public bool TryFind(BlockId id, [NotNullWhen(true)] out ColdBlock? block) => _blocks.TryGetValue(id, out block);

    /// <summary>False, and counted, when it does not fit.</summary>
    public bool TryAdd(ColdBlock block)
    {
        if (SizeBytes > 0 && SizeBytes + block.SizeBytes > limitBytes)
        {
            counters.QueueFullSkip();
            return false;
        }

        _blocks.Add(block.Id, block);
        _order.Enqueue(block);
        SizeBytes += block.SizeBytes;
        Wake();
        return true;
    }

    public void AddDrop(TDrop record)
    {
        _drops.Enqueue(record);
        Wake();
    }

    public bool TryTakeDrop([MaybeNullWhen(false)] out TDrop record) => _drops.TryDequeue(out record);

    /// <summary>The block that has waited longest; it stays found by its id until <see cref="Remove"/>.</summary>
    public bool TryTakeNext([NotNullWhen(true)] out ColdBlock? block)
    {
        while (_order.TryDequeue(out block))
        {
            // Cancelled blocks are still in the order, also before another one of their id.
            if (_blocks.TryGetValue(block.Id, out ColdBlock? queued) && queued == block)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Ends the wait of a block, which the caller disposes; false when it was cancelled in the meantime, and is disposed.</summary>
    public bool Remove(ColdBlock block)
    {
        bool isHere = _blocks.TryGetValue(block.Id, out ColdBlock? queued) && queued == block;
        if (isHere)
        {
            _blocks.Remove(block.Id);
            SizeBytes -= block.SizeBytes;
            SignalProgress();
        }

        return isHere;
    }

    /// <summary>Takes a block back; it is disposed.</summary>
    public bool Cancel(BlockId id)
    {
        if (!_blocks.TryGetValue(id, out ColdBlock? block))
        {
            return false;
        }

        Remove(block);
        block.Dispose();
        return true;
    }

    /// <summary>Returns when a block fits again, or never will. Takes the lock itself.</summary>
    public async Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task progress;
            lock (gate)
            {
                if (SizeBytes < limitBytes || IsClosed)
                {
                    return;
                }

                progress = _progress.Task;
            }

            await progress.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Wakes the writer, which ends the wait when everything that is queued now is done.</summary>
    public Task AddFlushWaiter()
    {
        TaskCompletionSource waiter = NewSignal();
        _flushWaiters.Add(waiter);
        Wake();
        return waiter.Task;
    }

    /// <summary>Those that wait for the queue to be empty, which the caller tells.</summary>
    public TaskCompletionSource[] TakeFlushWaiters()
    {
        TaskCompletionSource[] waiters = [.. _flushWaiters];
        _flushWaiters.Clear();
        return waiters;
    }

    public void Close()
    {
        IsClosed = true;
        foreach (BlockId id in _blocks.Keys.ToList())
        {
            Cancel(id);
        }

        Wake();
        SignalProgress();
    }

    /// <summary>Whoever waits for progress looks again.</summary>
    public void SignalProgress()
    {
        _progress.SetResult();
        _progress = NewSignal();
    }

    /// <summary>Makes the writer look again.</summary>
    public void Wake() => _work.TrySetResult();

    /// <summary>Nothing is to be done until the next <see cref="Wake"/>.</summary>
    public void Rest()
    {
        if (_work.Task.IsCompleted)
        {
            _work = NewSignal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
