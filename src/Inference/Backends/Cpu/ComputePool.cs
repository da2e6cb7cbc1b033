using System.Diagnostics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// Parallel-for over the machine's cores. The caller takes part; helpers spin for a while after the last loop and then park.
/// Several callers' loops run side by side: each helper prefers one place and helps in the others when that has no work.
/// </summary>
internal sealed class ComputePool : IDisposable
{
    /// <summary>Loops that are helped with at a time; further callers run theirs alone.</summary>
    private const int RegionCount = 4;

    /// <summary>On few cores a helper that spins is in the way of the threads that carry tokens.</summary>
    private static readonly long SpinTicks = Stopwatch.Frequency / (Environment.ProcessorCount <= 4 ? 50_000 : 20_000);

    private readonly ComputeRegion[] _regions;
    private readonly Thread[] _helpers;
    private readonly ParkedThreads _parked;
    private volatile bool _stopping;
    private PaddedCounter _opened;

    /// <param name="workerCount">Threads that work on a loop, the caller included.</param>
    public ComputePool(int workerCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(workerCount);
        WorkerCount = workerCount;
        _regions = [.. Enumerable.Range(0, RegionCount).Select(_ => new ComputeRegion(workerCount))];
        _parked = new ParkedThreads(workerCount);
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
        ComputeRegion? region = taskCount > 1 && _helpers.Length > 0 ? TakeRegion() : null;
        if (region is null)
        {
            for (int task = 0; task < taskCount; task++)
            {
                job.Execute(task, 0);
            }

            return;
        }

        region.Open(job, taskCount);
        Interlocked.Increment(ref _opened.Value);
        if (_parked.Count > 0 && _helpers.Length - _parked.Count < taskCount - 1)
        {
            _parked.Wake();
        }

        region.Finish();
    }

    public void Dispose()
    {
        _stopping = true;
        Interlocked.Increment(ref _opened.Value);
        while (_parked.Count > 0)
        {
            _parked.Wake();
        }

        foreach (Thread helper in _helpers)
        {
            helper.Join();
        }
    }

    private ComputeRegion? TakeRegion()
    {
        foreach (ComputeRegion region in _regions)
        {
            if (region.TryTake())
            {
                return region;
            }
        }

        return null;
    }

    private void Help(int worker)
    {
        int preferred = worker % RegionCount;
        long seen = 0;
        while (!_stopping)
        {
            seen = AwaitLoop(seen, worker);
            for (int i = 0; i < RegionCount; i++)
            {
                _regions[(preferred + i) % RegionCount].Help(worker, _regions[preferred]);
            }
        }
    }

    private long AwaitLoop(long seen, int worker)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            for (int i = 0; i < 64; i++)
            {
                long opened = Volatile.Read(ref _opened.Value);
                if (opened != seen)
                {
                    return opened;
                }

                Thread.SpinWait(4);
            }

            if (Stopwatch.GetTimestamp() - start > SpinTicks)
            {
                Park(seen, worker);
                start = Stopwatch.GetTimestamp();
            }
        }
    }

    private void Park(long seen, int worker)
    {
        _parked.Enter(worker);
        if (Volatile.Read(ref _opened.Value) != seen)
        {
            _parked.Leave(worker);
            return;
        }

        _parked.Wait(worker);

        // Who was woken wakes the next ones, so that the caller is not held up by waking all.
        if (_parked.Count > 0 && (_stopping || _regions.Any(static region => region.IsOpen)))
        {
            _parked.Wake();
        }
    }
}
