namespace Orleans.Activations;

/// <summary>Looks, by the silo's clock, for idle activations, late calls and forgotten enumerations.</summary>
internal sealed class Collector(Silo silo) : IDisposable
{
    private static readonly TimeSpan LatenessPeriod = TimeSpan.FromSeconds(1);

    private ITimer? _idle;
    private ITimer? _late;

    public void Start()
    {
        using (ExecutionContext.SuppressFlow())
        {
            var quantum = silo.Collection.CollectionQuantum;
            _idle = silo.Clock.CreateTimer(static self => ((Collector)self!).CollectIdle(), this, quantum, quantum);
            _late = silo.Clock.CreateTimer(static self => ((Collector)self!).FailLate(), this, LatenessPeriod, LatenessPeriod);
        }
    }

    public void Dispose()
    {
        _idle?.Dispose();
        _late?.Dispose();
    }

    private void CollectIdle()
    {
        foreach (var activation in silo.Catalog.Activations)
        {
            activation.CollectIfIdle();
        }
    }

    private void FailLate()
    {
        var now = silo.Clock.GetTimestamp();
        foreach (var activation in silo.Catalog.Activations)
        {
            activation.FailLateCalls(now);
            if (activation.Enumerations.HasAny)
            {
                activation.Enqueue(new AsyncTurn(activation.Enumerations.RemoveForgottenAsync));
            }
        }
    }
}
