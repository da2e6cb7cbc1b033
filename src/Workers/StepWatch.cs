namespace KvCluster.Workers;

/// <summary>Notices a step that does not end. Steps follow one another; none is under way at first.</summary>
internal sealed class StepWatch : IDisposable
{
    private const int LooksPerLimit = 8;

    /// <summary>Of a timer: with less it would fire but once.</summary>
    private static readonly TimeSpan LeastPeriod = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _time;
    private readonly TimeSpan _limit;
    private readonly Action _onHang;
    private readonly ITimer _timer;

    // 0: none is under way.
    private long _startedAt;
    private int _hasHung;

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

    public void Begin() => Volatile.Write(ref _startedAt, Math.Max(1, _time.GetTimestamp()));

    public void End() => Volatile.Write(ref _startedAt, 0);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        long startedAt = Volatile.Read(ref _startedAt);
        if (startedAt != 0 && _time.GetElapsedTime(startedAt) > _limit && Interlocked.Exchange(ref _hasHung, 1) == 0)
        {
            _onHang();
        }
    }
}
