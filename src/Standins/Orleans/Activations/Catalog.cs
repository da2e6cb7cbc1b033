using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orleans.Activations;

/// <summary>Which activations exist. One target a grain, made by the first call.</summary>
internal sealed class Catalog(Silo silo)
{
    private readonly ConcurrentDictionary<GrainId, ICallTarget> _targets = new();

    public IEnumerable<Activation> Activations
    {
        get
        {
            foreach (var (_, target) in _targets)
            {
                if (target is Activation activation)
                {
                    yield return activation;
                }
                else
                {
                    foreach (var worker in ((WorkerPool)target).Workers)
                    {
                        yield return worker;
                    }
                }
            }
        }
    }

    public int ActivationCount => Activations.Count();

    /// <param name="grainId">The grain.</param>
    /// <param name="mayCreate">Whether a grain without a target gets one.</param>
    public ICallTarget? Find(GrainId grainId, bool mayCreate)
    {
        if (_targets.TryGetValue(grainId, out var target) || !mayCreate)
        {
            return target;
        }

        // A target that loses the race has started nothing.
        var grainClass = silo.Classes.Get(grainId.Type);
        return _targets.GetOrAdd(grainId, grainClass.MaxWorkers > 0
            ? new WorkerPool(silo, grainId, grainClass)
            : new Activation(silo, grainId, grainClass));
    }

    public void Remove(GrainId grainId, ICallTarget target) => _targets.TryRemove(KeyValuePair.Create(grainId, target));
}
