namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>One direction of a network interface: whatever passes in it shares its rate, turn by turn.</summary>
internal sealed class SharedSpeed : IDisposable
{
    /// <summary>What is lost while a timer is late is caught up with.</summary>
    private const double LatestTimerSeconds = 0.005;

    private readonly SemaphoreSlim _turn = new(1);
    private readonly TokenBucket _bucket;

    public SharedSpeed(double bitsPerSecond, TimeProvider time)
    {
        int burstSizeBytes = Math.Max(ShapedLink.PieceSizeBytes, (int)(bitsPerSecond / 8 * LatestTimerSeconds));
        _bucket = new TokenBucket(bitsPerSecond / 8, burstSizeBytes, time);
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
