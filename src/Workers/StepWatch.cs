namespace KvCluster.Workers;

/// <summary>Notices a step that does not end. Steps follow one another; none is under way at first.</summary>
internal sealed class StepWatch : IDisposable
{
    private const int LooksPerLimit = 8;

    /// <summary>In place of the timestamp of a step's start: none is under way, or it hangs, for good.</summary>
    private const long Idle = 0;
    private const long Hung = -1;

    /// <summary>Of a timer: with less it would fire but once.</summary>
    private static readonly TimeSpan LeastPeriod = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private readonly Action _onHang;
    private readonly ITimer _timer;

    private long _startedAt;

    /// <param name="limit">Of a step.</param>
    /// <param name="time">Clock.</param>
    /// <param name="onHang">Called once, on another thread, when a step has taken longer.</param>
    public StepWatch(TimeSpan limit, TimeProvider time, Action onHang)
    {
        _limit = limit;
        _time = time;
        _onHang = onHang;
        TimeSpan period = limit / LooksPerLimit;
        period = period < LeastPeriod ? LeastPeriod : period;
        _timer = time.CreateTimer(static state => ((StepWatch)state!).Look(), this, period, period);
    }

    /// <summary>A step has taken longer, whether or not it has come back since.</summary>
    public bool HasHung => Volatile.Read(ref _startedAt) == Hung;

    /// <summary>Not after one that has hung.</summary>
    public void Begin() => Volatile.Write(ref _startedAt, Math.Max(1, _time.GetTimestamp()));

    /// <summary>A step either ends or hangs: once this has returned and it does not hang, it never will.</summary>
    public void End()
    {
        long startedAt = Volatile.Read(ref _startedAt);
        if (startedAt != Hung)
        {
            Interlocked.CompareExchange(ref _startedAt, Idle, startedAt);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        long startedAt = Volatile.Read(ref _startedAt);
        if (startedAt > Idle && _time.GetElapsedTime(startedAt) > _limit && Interlocked.CompareExchange(ref _startedAt, Hung, startedAt) == startedAt)
        {
            _onHang();
        }
    }
}
