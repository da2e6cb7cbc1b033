namespace KvCluster.Inference.Engine;

/// <summary>Lets calls wait for their place in an <see cref="AdmissionQueue{T}"/>. Safe to use from many threads.</summary>
/// <param name="maxAdmittedCount">Most Sequences admitted at once.</param>
/// <param name="maxWaitingCount">Most Sequences that may wait; more are turned away.</param>
/// <param name="budget">Most KV reserved together.</param>
public sealed class KvAdmission(int maxAdmittedCount, int maxWaitingCount, KvDemand budget)
{
    private readonly Lock _gate = new();
    private readonly AdmissionQueue<TaskCompletionSource> _queue = new(maxAdmittedCount, budget);

    public KvDemand Budget => budget;

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

    public KvDemand Reserved
    {
        get
        {
            lock (_gate)
            {
                return _queue.Reserved;
            }
        }
    }

    /// <summary>Waits until there is room for <paramref name="demand"/>; dispose the reservation to give it back.</summary>
    /// <returns>Null when it can never fit or too many wait: <paramref name="refusal"/> says which.</returns>
    public Task<KvReservation>? Enter(KvDemand demand, CancellationToken cancellationToken, out AdmissionRefusal refusal)
    {
        var admitted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            refusal = !_queue.CanEverFit(demand) ? AdmissionRefusal.NeverFits
                : _queue.WaitingCount >= maxWaitingCount ? AdmissionRefusal.QueueFull
                : AdmissionRefusal.None;
            if (refusal != AdmissionRefusal.None)
            {
                return null;
            }

            _queue.Enqueue(admitted, demand);
            AdmitAll();
        }

        return WaitAsync(admitted, demand, cancellationToken);
    }

    internal void Release(KvDemand demand)
    {
        lock (_gate)
        {
            _queue.Release(demand);
            AdmitAll();
        }
    }

    private async Task<KvReservation> WaitAsync(TaskCompletionSource admitted, KvDemand demand, CancellationToken cancellationToken)
    {
        using (cancellationToken.UnsafeRegister(_ => Withdraw(admitted, cancellationToken), null))
        {
            await admitted.Task;
        }

        return new KvReservation(this, demand);
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
