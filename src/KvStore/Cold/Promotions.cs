using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Cold;

/// <summary>
/// Brings blocks that reads want from a cold tier into memory: each once however many wait for it, and for each read some blocks ahead
/// of what it has delivered.
/// </summary>
internal sealed class Promotions(MemoryTier memory, IColdTier cold, ILogger logger) : IAsyncDisposable
{
    private const int MaxConcurrentReads = 8;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _gate = new(MaxConcurrentReads);
    private readonly Dictionary<BlockId, BlockFetch> _fetches = [];
    private readonly HashSet<ReadSession> _starved = [];
    private TaskCompletionSource? _idle;
    private int _runningCount;
    private bool _isStopped;

    /// <summary>Starts what this read may have on the way.</summary>
    /// <returns>Whether anything was started or joined.</returns>
    public bool Pump(ReadSession session)
    {
        bool hasStarted = false;
        while (memory.NextToFetch(session) is { } cursor)
        {
            hasStarted = true;
            Join(cursor);
        }

        bool isStarved = memory.IsStarved(session);
        lock (_lock)
        {
            if (isStarved)
            {
                _starved.Add(session);
            }
            else
            {
                _starved.Remove(session);
            }
        }

        return hasStarted;
    }

    /// <summary>Room may have come free in memory.</summary>
    public void PumpStarved()
    {
        ReadSession[] sessions;
        lock (_lock)
        {
            if (_starved.Count == 0)
            {
                return;
            }

            sessions = [.. _starved];
        }

        foreach (ReadSession session in sessions)
        {
            Pump(session);
        }
    }

    public void Forget(ReadSession session)
    {
        lock (_lock)
        {
            _starved.Remove(session);
        }
    }

    /// <summary>A block on its way was dropped: it does not arrive.</summary>
    public void Cancel(BlockId id)
    {
        lock (_lock)
        {
            if (_fetches.TryGetValue(id, out BlockFetch? fetch))
            {
                fetch.IsCancelled = true;
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task? idle = null;
        lock (_lock)
        {
            _isStopped = true;
            if (_runningCount > 0)
            {
                _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                idle = _idle.Task;
            }
        }

        if (idle is not null)
        {
            await idle;
        }
    }

    private void Join(BlockCursor cursor)
    {
        BlockFetch? fetch;
        bool isStopped;
        lock (_lock)
        {
            isStopped = _isStopped;
            if (_fetches.TryGetValue(cursor.BlockId, out fetch))
            {
                fetch.Cursors.Add(cursor);
                return;
            }

            fetch = new BlockFetch(cursor.BlockId);
            fetch.Cursors.Add(cursor);
            if (!isStopped)
            {
                _fetches.Add(fetch.Id, fetch);
                _runningCount++;
            }
        }

        if (isStopped)
        {
            memory.FailFetch(fetch.Cursors, wasLost: false);
        }
        else
        {
            _ = FetchAsync(fetch);
        }
    }

    private async Task FetchAsync(BlockFetch fetch)
    {
        await _gate.WaitAsync();
        ColdRead read = default;
        try
        {
            await Task.Yield();
            read = await cold.ReadAsync(fetch.Id);
        }
        catch (Exception error)
        {
            // What a tier does not expect of itself, such as no memory for the slabs. Nobody awaits this: readers hear that the block does not come.
            cold.Counters.FailedRead();
            Log.FetchFailed(logger, fetch.Id, error);
        }
        finally
        {
            _gate.Release();
            End(fetch, read);
            PumpStarved();
        }
    }

    private void End(BlockFetch fetch, ColdRead read)
    {
        // Cursors that join after this begin a fetch of their own.
        bool isCancelled;
        lock (_lock)
        {
            _fetches.Remove(fetch.Id);
            isCancelled = fetch.IsCancelled;
        }

        using (read.Block)
        {
            if (read.Block is null || isCancelled)
            {
                memory.FailFetch(fetch.Cursors, read.WasLost);
            }
            else
            {
                memory.Promote(read.Block, fetch.Cursors);
            }
        }

        lock (_lock)
        {
            if (--_runningCount == 0)
            {
                _idle?.TrySetResult();
            }
        }
    }
}
