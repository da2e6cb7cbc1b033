namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// A place for one caller's parallel loop. The caller opens it, works, and closes it when all tasks are claimed; helpers come and go
/// while it is open. Tasks are claimed in pieces that shrink towards the end.
/// </summary>
internal sealed class ComputeRegion
{
    /// <summary>A piece is this share of what is left for each worker.</summary>
    private const int PiecesPerWorker = 8;

    private readonly int _workerCount;

    // One for each helper, so that coming and going is not a fight over one cache line.
    private readonly PaddedCounter[] _inside;
    private ParallelJob? _job;
    private Exception? _error;
    private int _taskCount;
    private int _isTaken;

    // Each of these is hammered by other threads than its neighbours.
    private PaddedCounter _turn;
    private PaddedCounter _next;

    public ComputeRegion(int workerCount)
    {
        _workerCount = workerCount;
        _inside = new PaddedCounter[workerCount];
    }

    /// <summary>Open, and there is something left to claim.</summary>
    public bool HasWork => (Volatile.Read(ref _turn.Value) & 1) != 0 && Volatile.Read(ref _next.Value) < Volatile.Read(ref _taskCount);

    /// <summary>Makes the region the caller's, until <see cref="Finish"/>.</summary>
    public bool TryTake() => Volatile.Read(ref _isTaken) == 0 && Interlocked.CompareExchange(ref _isTaken, 1, 0) == 0;

    public void Open(ParallelJob job, int taskCount)
    {
        _job = job;
        _taskCount = taskCount;
        _next.Value = 0;
        Interlocked.Increment(ref _turn.Value); // odd: open
    }

    /// <summary>The caller's part; returns when all tasks are done and gives the region back.</summary>
    /// <exception cref="AggregateException">A task threw.</exception>
    public void Finish()
    {
        Claim(0, null);
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

    /// <summary>A helper's part: works until nothing is left, or until there is work in the region that it prefers.</summary>
    public void Help(int worker, ComputeRegion preferred)
    {
        long turn = Volatile.Read(ref _turn.Value);
        if ((turn & 1) == 0 || Volatile.Read(ref _next.Value) >= Volatile.Read(ref _taskCount))
        {
            return;
        }

        // Only who is inside may touch the loop, and it ends when nobody is.
        Interlocked.Exchange(ref _inside[worker].Value, 1);
        if (Volatile.Read(ref _turn.Value) == turn)
        {
            Claim(worker, preferred == this ? null : preferred);
        }

        Volatile.Write(ref _inside[worker].Value, 0);
    }

    private void Claim(int worker, ComputeRegion? preferred)
    {
        ParallelJob job = _job!;
        int taskCount = _taskCount;
        try
        {
            while (true)
            {
                int left = taskCount - (int)Volatile.Read(ref _next.Value);
                if (left <= 0 || (preferred is not null && preferred.HasWork))
                {
                    return;
                }

                int piece = Math.Max(1, left / (PiecesPerWorker * _workerCount));
                int end = (int)Interlocked.Add(ref _next.Value, piece);
                for (int task = end - piece; task < Math.Min(end, taskCount); task++)
                {
                    job.Execute(task, worker);
                }
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _error, e, null);
            Volatile.Write(ref _next.Value, taskCount);
        }
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
