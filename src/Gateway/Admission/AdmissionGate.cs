using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Gateway.Admission;

/// <summary>Bounds the requests that wait for their first decode step. Thread-safe.</summary>
internal sealed class AdmissionGate(GatewayOptions options) : IDrainable
{
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _queuedCount;
    private int _runningCount;

    /// <summary>Admitted, and not decoding yet.</summary>
    public int QueuedCount => Volatile.Read(ref _queuedCount);

    /// <summary>Admitted, and not ended.</summary>
    public int RunningCount => Volatile.Read(ref _runningCount);

    /// <summary>The Gateway stops: what runs may end, nothing new comes in.</summary>
    public bool IsClosed { get; private set; }

    /// <returns>Null when as many wait as may, or the gate is closed.</returns>
    public AdmissionTicket? TryEnter()
    {
        if (IsClosed)
        {
            return null;
        }

        if (Interlocked.Increment(ref _queuedCount) > options.MaxQueuedRequests)
        {
            Interlocked.Decrement(ref _queuedCount);
            return null;
        }

        Interlocked.Increment(ref _runningCount);
        return new AdmissionTicket(this);
    }

    internal void LeaveQueue() => Interlocked.Decrement(ref _queuedCount);

    internal void Leave()
    {
        if (Interlocked.Decrement(ref _runningCount) == 0 && IsClosed)
        {
            _empty.TrySetResult();
        }
    }

    public Task DrainAsync(CancellationToken cancellationToken)
    {
        IsClosed = true;
        if (RunningCount == 0)
        {
            _empty.TrySetResult();
        }

        return _empty.Task.WaitAsync(cancellationToken);
    }
}
