using System.Diagnostics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Parallel-for over the machine's cores. Tasks are claimed one by one, the caller takes part, helpers spin for about 20 us
/// after a region and then park. While one caller's region runs, another caller runs its own alone.
/// </summary>
internal sealed class ComputePool : IDisposable
{
    private static readonly long SpinTicks = Stopwatch.Frequency / 50_000;

    private readonly Thread[] _helpers;
    private readonly SemaphoreSlim _wake = new(0);
    private ParallelJob? _job;
    private Exception? _error;
    private int _taskCount;
    private int _busy;
    private int _parked;
    private volatile bool _stopping;

    // Each of these is hammered by other threads than its neighbours.
    private PaddedCounter _region;
    private PaddedCounter _next;
    private PaddedCounter _inside;

    /// <param name="workerCount">Threads that work on a region, the caller included.</param>
    public ComputePool(int workerCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(workerCount);
        WorkerCount = workerCount;
        _helpers = new Thread[workerCount - 1];
        for (int i = 0; i < _helpers.Length; i++)
        {
            int worker = i + 1;
            _helpers[i] = new Thread(() => Help(worker)) { IsBackground = true, Name = $"compute {worker}" };
            _helpers[i].Start();
        }
    }

    /// <summary>All cores that the process may use.</summary>
    public static ComputePool Shared { get; } = new(Environment.ProcessorCount);

    public int WorkerCount { get; }

    /// <summary>Runs tasks 0 to <paramref name="taskCount"/> - 1 and returns when all are done.</summary>
    /// <exception cref="AggregateException">A task threw; tasks not begun by then were not run.</exception>
    public void Run(ParallelJob job, int taskCount)
    {
        if (taskCount <= 1 || _helpers.Length == 0 || Interlocked.CompareExchange(ref _busy, 1, 0) != 0)
        {
            for (int task = 0; task < taskCount; task++)
            {
                job.Execute(task, 0);
            }

            return;
        }

        _job = job;
        _taskCount = taskCount;
        _next.Value = 0;
        Interlocked.Increment(ref _region.Value); // odd: open
        WakeParked();
        Claim(job, taskCount, 0);
        Interlocked.Increment(ref _region.Value); // even: closed, nobody new gets in
        var spin = new SpinWait();
        while (Volatile.Read(ref _inside.Value) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        _job = null;
        Exception? error = Interlocked.Exchange(ref _error, null);
        Volatile.Write(ref _busy, 0);
        if (error is not null)
        {
            throw new AggregateException(error);
        }
    }

    public void Dispose()
    {
        _stopping = true;
        if (_helpers.Length > 0)
        {
            Interlocked.Add(ref _region.Value, 2);
            _wake.Release(_helpers.Length);
        }

        foreach (Thread helper in _helpers)
        {
            helper.Join();
        }

        _wake.Dispose();
    }

    private void Claim(ParallelJob job, int taskCount, int worker)
    {
        try
        {
            int task;
            while ((task = (int)Interlocked.Increment(ref _next.Value) - 1) < taskCount)
            {
                job.Execute(task, worker);
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, e, null);
            Volatile.Write(ref _next.Value, taskCount);
        }
    }

    private void Help(int worker)
    {
        long seen = 0;
        while (!_stopping)
        {
            long region = AwaitRegion(seen);
            if ((region & 1) != 0)
            {
                // Only who is inside may touch the region, and a region ends when nobody is.
                Interlocked.Increment(ref _inside.Value);
                if (Volatile.Read(ref _region.Value) == region)
                {
                    Claim(_job!, _taskCount, worker);
                }

                Interlocked.Decrement(ref _inside.Value);
            }

            seen = region;
        }
    }

    private long AwaitRegion(long seen)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            for (int i = 0; i < 64; i++)
            {
                long region = Volatile.Read(ref _region.Value);
                if (region != seen)
                {
                    return region;
                }

                Thread.SpinWait(8);
            }

            if (Stopwatch.GetTimestamp() - start > SpinTicks)
            {
                Park(seen);
                start = Stopwatch.GetTimestamp();
            }
        }
    }

    private void Park(long seen)
    {
        Interlocked.Increment(ref _parked);
        if (Volatile.Read(ref _region.Value) != seen && TryUnpark())
        {
            return;
        }

        _wake.Wait();
    }

    /// <summary>Takes back this helper's parking; false when a caller has counted it and will release it.</summary>
    private bool TryUnpark()
    {
        int parked = Volatile.Read(ref _parked);
        while (parked > 0)
        {
            int before = Interlocked.CompareExchange(ref _parked, parked - 1, parked);
            if (before == parked)
            {
                return true;
            }

            parked = before;
        }

        return false;
    }

    private void WakeParked()
    {
        if (Volatile.Read(ref _parked) > 0)
        {
            int parked = Interlocked.Exchange(ref _parked, 0);
            if (parked > 0)
            {
                _wake.Release(parked);
            }
        }
    }
}
