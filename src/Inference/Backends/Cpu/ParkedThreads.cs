namespace KvCluster.Inference.Backends.Cpu;

/// <summary>The helpers of a <see cref="ComputePool"/> that sleep, the last to fall asleep first to wake.</summary>
internal sealed class ParkedThreads(int workerCount)
{
    /// <summary>Woken at a time; each wakes as many again.</summary>
    private const int WakeCount = 2;

    private readonly Lock _gate = new();
    private readonly List<int> _sleepers = new(workerCount);
    private readonly Bed[] _beds = [.. Enumerable.Range(0, workerCount).Select(_ => new Bed())];
    private int _count;

    /// <summary>Helpers asleep, or about to be.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Announces a helper, which then looks once more for work before it sleeps.</summary>
    public void Enter(int worker)
    {
        lock (_gate)
        {
            _beds[worker].IsWoken = false;
            _sleepers.Add(worker);
            Interlocked.Exchange(ref _count, _sleepers.Count);
        }
    }

    /// <summary>Instead of <see cref="Wait"/>.</summary>
    public void Leave(int worker)
    {
        lock (_gate)
        {
            _sleepers.Remove(worker);
            Volatile.Write(ref _count, _sleepers.Count);
        }
    }

    public void Wait(int worker)
    {
        Bed bed = _beds[worker];
        lock (bed)
        {
            while (!bed.IsWoken)
            {
                Monitor.Wait(bed);
            }
        }
    }

    /// <summary>Wakes some; those who wake call it again while there is work.</summary>
    public void Wake()
    {
        for (int i = 0; i < WakeCount; i++)
        {
            Bed bed;
            lock (_gate)
            {
                if (_sleepers.Count == 0)
                {
                    return;
                }

                bed = _beds[_sleepers[^1]];
                _sleepers.RemoveAt(_sleepers.Count - 1);
                Volatile.Write(ref _count, _sleepers.Count);
            }

            lock (bed)
            {
                bed.IsWoken = true;
                Monitor.Pulse(bed);
            }
        }
    }

    private sealed class Bed
    {
        public bool IsWoken;
    }
}
