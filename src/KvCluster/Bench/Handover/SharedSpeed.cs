namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One direction of a network interface: whatever passes in it shares its rate, turn by turn.</summary>
internal sealed class SharedSpeed : IDisposable
{
    /// <summary>What is lost while a timer is late is caught up with.</summary>
    private const double LatestTimerSeconds = 0.005;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly TimeProvider _time;
    private volatile TokenBucket _bucket = null!;

    public SharedSpeed(double bitsPerSecond, TimeProvider time)
    {
        _time = time;
        Set(bitsPerSecond);
    }

    /// <summary>From the next piece on.</summary>
    public void Set(double bitsPerSecond)
    {
        double bytesPerSecond = bitsPerSecond / 8;
        _bucket = new TokenBucket(bytesPerSecond, Math.Max(ShapedLink.PieceSizeBytes, (int)(bytesPerSecond * LatestTimerSeconds)), _time);
    }

    /// <summary>Returns when <paramref name="sizeBytes"/> may pass.</summary>
    public async Task PassAsync(int sizeBytes, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await _bucket.TakeAsync(sizeBytes, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
