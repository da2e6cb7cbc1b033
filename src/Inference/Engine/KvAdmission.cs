namespace KvCluster.Inference.Engine;

/// <summary>Lets calls wait for their place in an <see cref="AdmissionQueue{T}"/>. Safe to use from many threads.</summary>
/// <param name="maxAdmittedCount">Most Sequences admitted at once.</param>
/// <param name="maxWaitingCount">Most Sequences that may wait; more are turned away.</param>
/// <param name="byteBudget">Most KV bytes reserved together.</param>
public sealed class KvAdmission(int maxAdmittedCount, int maxWaitingCount, long byteBudget)
{
    private readonly Lock _gate = new();
    private readonly AdmissionQueue<TaskCompletionSource> _queue = new(maxAdmittedCount, byteBudget);

    public long ByteBudget => byteBudget;

    public int WaitingCount
    {
        get
        {
            lock (_gate)
            {
                return _queue.WaitingCount;
            }
        }
    }

    public int AdmittedCount
    {
        get
        {
            lock (_gate)
            {
                return _queue.AdmittedCount;
            }
        }
    }

    public long ReservedBytes
    {
        get
        {
            lock (_gate)
            {
                return _queue.ReservedBytes;
            }
        }
    }

    /// <summary>Waits until there is room for <paramref name="bytes"/> of KV; dispose the reservation to give them back.</summary>
    /// <returns>Null when the bytes can never fit or too many wait: <paramref name="refusal"/> says which.</returns>
    public Task<KvReservation>? Enter(long bytes, CancellationToken cancellationToken, out AdmissionRefusal refusal)
    {
        var admitted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            refusal = !_queue.CanEverFit(bytes) ? AdmissionRefusal.NeverFits
                : _queue.WaitingCount >= maxWaitingCount ? AdmissionRefusal.QueueFull
                : AdmissionRefusal.None;
            if (refusal != AdmissionRefusal.None)
            {
                return null;
            }

            _queue.Enqueue(admitted, bytes);
            AdmitAll();
        }

        return WaitAsync(admitted, bytes, cancellationToken);
    }

    internal void Release(long bytes)
    {
        lock (_gate)
        {
            _queue.Release(bytes);
            AdmitAll();
        }
    }

    private async Task<KvReservation> WaitAsync(TaskCompletionSource admitted, long bytes, CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister(_ => Withdraw(admitted, cancellationToken), null))
        {
            await admitted.Task;
        }

        return new KvReservation(this, bytes);
    }

    private void Withdraw(TaskCompletionSource admitted, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (!_queue.Withdraw(admitted))
            {
                return;
            }

            // The head may have been what the ones behind it waited for.
            AdmitAll();
        }

        admitted.TrySetCanceled(cancellationToken);
    }

    private void AdmitAll()
    {
        while (_queue.TryAdmit(out var admitted))
        {
            admitted!.SetResult();
        }
    }
}
