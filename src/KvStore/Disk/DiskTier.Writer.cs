using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;

namespace KvCluster.KvStore.Disk;

internal sealed partial class DiskTier
{
    private long? _pauseStart;
    private long? _unflushedSince;
    private IOException? _writerError;

    private bool IsPaused => _pauseStart is { } start && _time.GetElapsedTime(start) < _options.PauseAfterFailure;

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return !_queue.IsClosed ? _queue.AddFlushWaiter().WaitAsync(cancellationToken)
                : _writerError is null ? Task.CompletedTask
                : Task.FromException(_writerError);
        }
    }

    /// <summary>What no device does, a fault of ours, ends writing and nothing else: blocks on disk are still read, and nobody waits for ever.</summary>
    private async Task RunWriterAsync()
    {
        try
        {
            await WriteUntilClosedAsync();
        }
        catch (Exception error)
        {
            Log.WriterStopped(_logger, _folder.Path, error);
            TaskCompletionSource[] flushWaiters;
            lock (_lock)
            {
                _writerError = new IOException($"{_folder.Path} is not written to any more: {error.Message}", error);
                flushWaiters = _queue.TakeFlushWaiters();
                _queue.Close();
            }

            Array.ForEach(flushWaiters, waiter => waiter.SetException(_writerError));
        }
    }

    private async Task WriteUntilClosedAsync()
    {
        while (true)
        {
            if (WriteNext())
            {
                if (_log.UnflushedBytes >= _options.FlushBytes || FlushDelay() == TimeSpan.Zero)
                {
                    Flush(_log.StartFlush);
                }

                continue;
            }

            TaskCompletionSource[] flushWaiters;
            bool isClosed;
            Task work;
            lock (_lock)
            {
                if (!_queue.IsEmpty)
                {
                    continue;
                }

                _queue.Rest();
                work = _queue.Work;
                isClosed = _queue.IsClosed;
                flushWaiters = _queue.TakeFlushWaiters();
            }

            if (isClosed)
            {
                _log.Seal();
                Array.ForEach(flushWaiters, waiter => waiter.SetResult());
                return;
            }

            if (flushWaiters.Length > 0 || FlushDelay() == TimeSpan.Zero)
            {
                Flush(_log.Flush);
                Array.ForEach(flushWaiters, waiter => waiter.SetResult());
            }
            else if (!Attempt(_log.Compact))
            {
                await WaitForWorkAsync(work);
            }
        }
    }

    private async Task WaitForWorkAsync(Task work)
    {
        if (FlushDelay() is not { } delay)
        {
            await work;
            return;
        }

        try
        {
            await work.WaitAsync(delay, _time);
        }
        catch (TimeoutException)
        {
            // The time to flush what was written.
        }
    }

    /// <summary>Null when there is nothing to flush.</summary>
    private TimeSpan? FlushDelay()
    {
        if (_log.UnflushedBytes == 0)
        {
            _unflushedSince = null;
            return null;
        }

        _unflushedSince ??= _time.GetTimestamp();
        TimeSpan left = _options.FlushInterval - _time.GetElapsedTime(_unflushedSince.Value);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private void Flush(Action flush)
    {
        _unflushedSince = null;
        Attempt(() =>
        {
            flush();
            return true;
        });
    }

    /// <summary>False when nothing waits.</summary>
    private bool WriteNext()
    {
        DiskRecord? dropped;
        ColdBlock? block = null;
        ColdBlock? share = null;
        lock (_lock)
        {
            if (!_queue.TryTakeDrop(out dropped) && _queue.TryTakeNext(out block))
            {
                share = block.Share();
            }
        }

        if (dropped is not null)
        {
            Attempt(() =>
            {
                _log.MarkDropped(dropped);
                return true;
            });
            return true;
        }

        if (block is null)
        {
            return false;
        }

        using (share)
        {
            Write(share!);
        }

        lock (_lock)
        {
            if (_queue.Remove(block))
            {
                block.Dispose();
            }
            else if (!_queue.IsClosed && _index.TryFind(block.Id, out DiskRecord? record))
            {
                // Dropped while it was being written.
                _index.Remove(record);
                _queue.AddDrop(record);
            }
        }

        return true;
    }

    private void Write(ColdBlock block)
    {
        if (IsPaused)
        {
            Counters.PausedSkip();
            return;
        }

        if (block.Verify() != SlabError.None)
        {
            Counters.Corrupt(1);
            Log.BlockCorruptInMemory(_logger, block.Id);
            return;
        }

        bool isStored = false;
        bool isSound = Attempt(() =>
        {
            isStored = _log.TryAppend(block);
            return true;
        });
        if (isStored)
        {
            Counters.Wrote(block.SizeBytes);
        }
        else if (isSound)
        {
            Counters.NoRoomSkip();
        }
    }

    /// <summary>False when it did nothing, or the device refused, which pauses writing.</summary>
    private bool Attempt(Func<bool> action)
    {
        try
        {
            return action();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Counters.FailedWrite();
            Log.WriteFailed(_logger, _folder.Path, error.Message, _options.PauseAfterFailure);
            lock (_lock)
            {
                _pauseStart = _time.GetTimestamp();
                return false;
            }
        }
    }
}
