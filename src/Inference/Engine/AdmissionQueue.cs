namespace KvCluster.Inference.Engine;

/// <summary>
/// Which Sequences may hold KV: first come, first served, against a number of Sequences and a budget of KV. The head of
/// the queue is never overtaken, so a large Sequence waits for room but is not starved by small ones. Pure policy; not
/// thread-safe.
/// </summary>
/// <param name="maxAdmittedCount">Most Sequences admitted at once.</param>
/// <param name="budget">Most KV that admitted Sequences may reserve together.</param>
public sealed class AdmissionQueue<T>(int maxAdmittedCount, KvDemand budget)
    where T : class
{
    private readonly LinkedList<(T Item, KvDemand Demand)> _waiting = new();

    public KvDemand Budget => budget;

    public int WaitingCount => _waiting.Count;

    public int AdmittedCount { get; private set; }

    public KvDemand Reserved { get; private set; }

    /// <summary>False for what no amount of waiting makes room for.</summary>
    public bool CanEverFit(KvDemand demand) => demand.FitsIn(budget);

    public void Enqueue(T item, KvDemand demand)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(demand.Bytes, nameof(demand));
        ArgumentOutOfRangeException.ThrowIfNegative(demand.PageCount, nameof(demand));
        if (!CanEverFit(demand))
        {
            throw new ArgumentOutOfRangeException(nameof(demand), demand, $"There is {budget} for all.");
        }

        _waiting.AddLast((item, demand));
    }

    /// <summary>Admits the head of the queue if there is room for it; call until it says no.</summary>
    public bool TryAdmit(out T? item)
    {
        item = null;
        if (_waiting.First is not { } head || AdmittedCount >= maxAdmittedCount || !(Reserved + head.Value.Demand).FitsIn(budget))
        {
            return false;
        }

        _waiting.RemoveFirst();
        AdmittedCount++;
        Reserved += head.Value.Demand;
        item = head.Value.Item;
        return true;
    }

    /// <summary>Takes back an item that still waits; false when it does not wait (any more).</summary>
    public bool Withdraw(T item)
    {
        for (var node = _waiting.First; node is not null; node = node.Next)
        {
            if (ReferenceEquals(node.Value.Item, item))
            {
                _waiting.Remove(node);
                return true;
            }
        }

        return false;
    }

    /// <summary>Gives back what an admitted Sequence had reserved.</summary>
    public void Release(KvDemand demand)
    {
        if (AdmittedCount == 0 || !demand.FitsIn(Reserved))
        {
            throw new InvalidOperationException($"Released {demand}, but {AdmittedCount} sequences hold {Reserved}.");
        }

        AdmittedCount--;
        Reserved -= demand;
    }
}
