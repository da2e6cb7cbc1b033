namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>Lets bytes through at a steady rate. One caller at a time.</summary>
/// <param name="bytesPerSecond">The rate.</param>
/// <param name="burstBytes">Most that passes at once after a pause.</param>
/// <param name="time">Measures and waits.</param>
internal sealed class TokenBucket(double bytesPerSecond, int burstBytes, TimeProvider time)
{
    private double _debtBytes = -burstBytes;
    private long _since = time.GetTimestamp();

    /// <summary>Returns when <paramref name="count"/> bytes may pass.</summary>
    public async ValueTask TakeAsync(int count, CancellationToken cancellationToken)
    {
        long now = time.GetTimestamp();
        _debtBytes = Math.Max(-burstBytes, _debtBytes - (time.GetElapsedTime(_since, now).TotalSeconds * bytesPerSecond)) + count;
        _since = now;

        // Timers are late by a millisecond or so: what could have passed meanwhile may pass later, up to the burst.
        if (_debtBytes > 0)
        {
            await Task.Delay(TimeSpan.FromSeconds(_debtBytes / bytesPerSecond), time, cancellationToken);
        }
    }
}
