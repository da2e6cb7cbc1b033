using Orleans.Calls;
using Orleans.Runtime;

namespace Orleans.Activations;

/// <summary>The activations of one key of a stateless worker class: a call goes to an idle one, else to a new one, else to the least loaded.</summary>
internal sealed class WorkerPool(Silo silo, GrainId grainId, GrainClass grainClass) : ICallTarget
{
    private readonly Lock _gate = new();
    private readonly List<Activation> _workers = [];
    private bool _isEnded;

    public Activation[] Workers
    {
        get
        {
            lock (_gate)
            {
                return [.. _workers];
            }
        }
    }

    public bool TryReceive(GrainCall call)
    {
        lock (_gate)
        {
            while (!_isEnded)
            {
                var worker = Pick();
                if (worker is null)
                {
                    break;
                }

                if (worker.TryReceive(call))
                {
                    return true;
                }

                _workers.Remove(worker);
            }

            return false;
        }
    }

    /// <summary>Takes an ended worker out. Never called by a worker that holds its own lock, so the order is pool, then worker.</summary>
    public void Remove(Activation worker)
    {
        lock (_gate)
        {
            _workers.Remove(worker);
            _isEnded = _workers.Count == 0;
        }

        if (_isEnded)
        {
            silo.Catalog.Remove(grainId, this);
        }
    }

    /// <summary>Null when there is none, and a stopping silo makes none.</summary>
    private Activation? Pick()
    {
        Activation? least = null;
        var leastCount = int.MaxValue;
        foreach (var worker in _workers)
        {
            if (worker.IsInactive)
            {
                return worker;
            }

            if (worker.WaitingCount is var count && count < leastCount)
            {
                (least, leastCount) = (worker, count);
            }
        }

        if (silo.MayActivate && (_workers.Count < grainClass.MaxWorkers || least is null))
        {
            least = new Activation(silo, grainId, grainClass, this);
            _workers.Add(least);
        }

        return least;
    }
}
