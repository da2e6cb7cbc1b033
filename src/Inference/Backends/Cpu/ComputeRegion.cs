namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// A place for one caller's parallel loop. The caller opens it, works, and closes it when all tasks are claimed; helpers come and go
/// while it is open.
/// </summary>
/// <remarks>
/// Worker w of n has tasks w, w + n, w + 2n, … as its share; who is through with its own takes what is left of the others'. One
/// counter for all would be a cache line that every core fights for at every task.
/// </remarks>
internal sealed class ComputeRegion
{
    private readonly int _workerCount;

    // By worker: how many of its share are claimed, and whether it is inside.
    private readonly PaddedCounter[] _claimed;
    private readonly PaddedCounter[] _inside;
    private ParallelJob? _job;
    private Exception? _error;
    private int _taskCount;
    private int _isTaken;
    private PaddedCounter _turn;

    public ComputeRegion(int workerCount)
    {
        _workerCount = workerCount;
        _claimed = new PaddedCounter[workerCount];
        _inside = new PaddedCounter[workerCount];
    }

    public bool IsOpen => (Volatile.Read(ref _turn.Value) & 1) != 0;

    /// <summary>Makes the region the caller's, until <see cref="Finish"/>.</summary>
    public bool TryTake() => Volatile.Read(ref _isTaken) == 0 && Interlocked.CompareExchange(ref _isTaken, 1, 0) == 0;

    public void Open(ParallelJob job, int taskCount)
    {
        _job = job;
        _taskCount = taskCount;
        for (int worker = 0; worker < Math.Min(_workerCount, taskCount); worker++)
        {
            _claimed[worker].Value = 0;
        }

        Interlocked.Increment(ref _turn.Value); // odd: open
    }

    /// <summary>The caller's part; returns when all tasks are done and gives the region back.</summary>
    /// <exception cref="AggregateException">A task threw.</exception>
    public void Finish()
    {
        Work(0, null);
        Interlocked.Increment(ref _turn.Value); // even: closed, nobody new gets in
        for (int worker = 1; worker < _workerCount; worker++)
        {
            AwaitLeaving(ref _inside[worker].Value);
        }

        _job = null;
        Exception? error = _error;
        _error = null;
        Volatile.Write(ref _isTaken, 0);
        if (error is not null)
        {
            throw new AggregateException(error);
        }
    }

    /// <summary>A helper's part: works until nothing is left, or until the region that it prefers is open.</summary>
    public void Help(int worker, ComputeRegion preferred)
    {
        long turn = Volatile.Read(ref _turn.Value);
        if ((turn & 1) == 0)
        {
            return;
        }

        // Only who is inside may touch the loop, and it ends when nobody is.
        Interlocked.Exchange(ref _inside[worker].Value, 1);
        if (Volatile.Read(ref _turn.Value) == turn)
        {
            Work(worker, preferred == this ? null : preferred);
        }

        Volatile.Write(ref _inside[worker].Value, 0);
    }

    private void Work(int worker, ComputeRegion? preferred)
    {
        try
        {
            for (int i = 0; i < _workerCount; i++)
            {
                int owner = worker + i < _workerCount ? worker + i : worker + i - _workerCount;
                if (!Take(owner, worker, preferred))
                {
                    return;
                }
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, e, null);
        }
    }

    /// <summary>Does what is left of a share; false when there is something better to do.</summary>
    private bool Take(int owner, int worker, ComputeRegion? preferred)
    {
        int shareCount = (_taskCount - owner + _workerCount - 1) / _workerCount;
        ref long claimed = ref _claimed[owner].Value;
        while (Volatile.Read(ref claimed) < shareCount && Volatile.Read(ref _error) is null)
        {
            if (preferred is { IsOpen: true })
            {
                return false;
            }

            int index = (int)Interlocked.Increment(ref claimed) - 1;
            if (index < shareCount)
            {
                _job!.Execute(owner + (index * _workerCount), worker);
            }
        }

        return true;
    }

    private static void AwaitLeaving(ref long inside)
    {
        var spin = new SpinWait();
        for (int i = 0; Volatile.Read(ref inside) != 0; i++)
        {
            if (i < 200)
            {
                Thread.SpinWait(2);
            }
            else
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }
    }
}
