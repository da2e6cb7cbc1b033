namespace Grpc.AspNetCore.Server;

/// <summary>Cancels a call when its deadline passes or its request is aborted, and reports the former.</summary>
internal sealed class CallDeadline : IAsyncDisposable
{
    /// <summary>The longest a timer can wait; a later deadline is as good as none.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly CancellationTokenSource _source;
    private readonly Timer? _timer;

    private CallDeadline(TimeSpan timeout, CancellationToken aborted, Action<TimeSpan> passed)
    {
        Instant = DateTime.MaxValue - DateTime.UtcNow > timeout ? DateTime.UtcNow + timeout : DateTime.MaxValue;
        _source = CancellationTokenSource.CreateLinkedTokenSource(aborted);
        if (timeout <= LongestTimer)
        {
            _timer = new Timer(
                _ =>
                {
                    passed(timeout);
                    _source.Cancel();
                },
                null,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan);
        }
    }

    public DateTime Instant { get; }

    public CancellationToken Token => _source.Token;

    public static CallDeadline Start(TimeSpan timeout, CancellationToken aborted, Action<TimeSpan> passed)
    {
        var deadline = new CallDeadline(timeout, aborted, passed);

        // Round up: a timer that fires early would end the call before its deadline.
        deadline._timer?.Change((long)Math.Ceiling(timeout.TotalMilliseconds), Timeout.Infinite);
        return deadline;
    }

    public async ValueTask DisposeAsync()
    {
        if (_timer is not null)
        {
            await _timer.DisposeAsync();
        }

        _source.Dispose();
    }
}
