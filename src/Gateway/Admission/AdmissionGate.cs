namespace KvCluster.Gateway.Admission;

/// <summary>Bounds the requests that wait for their first decode step. Thread-safe.</summary>
internal sealed class AdmissionGate(GatewayOptions options)
{
    private int _queuedCount;
    private int _runningCount;

    /// <summary>Admitted, and not decoding yet.</summary>
    public int QueuedCount => Volatile.Read(ref _queuedCount);

    /// <summary>Admitted, and not ended.</summary>
    public int RunningCount => Volatile.Read(ref _runningCount);

    /// <returns>Null when as many wait as may.</returns>
    public AdmissionTicket? TryEnter()
    {
        if (Interlocked.Increment(ref _queuedCount) > options.MaxQueuedRequests)
        {
            Interlocked.Decrement(ref _queuedCount);
            return null;
        }

        Interlocked.Increment(ref _runningCount);
        return new AdmissionTicket(this);
    }

    internal void LeaveQueue() => Interlocked.Decrement(ref _queuedCount);

    internal void Leave() => Interlocked.Decrement(ref _runningCount);
}
