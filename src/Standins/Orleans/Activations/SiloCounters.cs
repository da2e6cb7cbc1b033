using System.Diagnostics.Metrics;

namespace Orleans.Activations;

/// <summary>Counts of a silo, also published as metrics under the published names.</summary>
internal sealed class SiloCounters : IDisposable
{
    private readonly Meter _meter = new("Microsoft.Orleans");
    private readonly Counter<long> _createdMetric;
    private readonly Counter<long> _destroyedMetric;
    private readonly Counter<long> _failedMetric;
    private long _activatedCount;
    private long _deactivatedCount;
    private long _failedCount;

    public SiloCounters(Func<int> activationCount)
    {
        _createdMetric = _meter.CreateCounter<long>("orleans-catalog-activation-created");
        _destroyedMetric = _meter.CreateCounter<long>("orleans-catalog-activation-destroyed");
        _failedMetric = _meter.CreateCounter<long>("orleans-catalog-activation-failed-to-activate");
        _meter.CreateObservableGauge("orleans-catalog-activations", activationCount);
    }

    public long ActivatedCount => Volatile.Read(ref _activatedCount);

    public long DeactivatedCount => Volatile.Read(ref _deactivatedCount);

    public long FailedActivationCount => Volatile.Read(ref _failedCount);

    public void Activated()
    {
        Interlocked.Increment(ref _activatedCount);
        _createdMetric.Add(1);
    }

    public void Deactivated()
    {
        Interlocked.Increment(ref _deactivatedCount);
        _destroyedMetric.Add(1);
    }

    public void ActivationFailed()
    {
        Interlocked.Increment(ref _failedCount);
        _failedMetric.Add(1);
    }

    public void Dispose() => _meter.Dispose();
}
