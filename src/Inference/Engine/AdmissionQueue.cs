namespace KvCluster.Inference.Engine;

/// <summary>
/// Which Sequences may hold KV: first come, first served, against a number of Sequences and a budget of KV bytes. The head of
/// the queue is never overtaken, so a large Sequence waits for room but is not starved by small ones. Pure policy; not
/// thread-safe.
/// </summary>
/// <param name="maxAdmittedCount">Most Sequences admitted at once.</param>
/// <param name="byteBudget">Most KV bytes that admitted Sequences may reserve together.</param>
public sealed class AdmissionQueue<T>(int maxAdmittedCount, long byteBudget)
    where T : class
{
    private readonly LinkedList<(T Item, long Bytes)> _waiting = new();

    public long ByteBudget { get; } = byteBudget;

    public int WaitingCount => _waiting.Count;

    public int AdmittedCount { get; private set; }

    public long ReservedBytes { get; private set; }

    /// <summary>False for what no amount of waiting makes room for.</summary>
    public bool CanEverFit(long bytes) => bytes <= ByteBudget;

    public void Enqueue(T item, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bytes, ByteBudget);
        _waiting.AddLast((item, bytes));
    }

    /// <summary>Admits the head of the queue if there is room for it; call until it says no.</summary>
    public bool TryAdmit(out T? item)
    {
        item = null;
        if (_waiting.First is not { } head || AdmittedCount >= maxAdmittedCount || ReservedBytes + head.Value.Bytes > ByteBudget)
        {
            return false;
        }

        _waiting.RemoveFirst();
        AdmittedCount++;
        ReservedBytes += head.Value.Bytes;
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
    public void Release(long bytes)
    {
        if (AdmittedCount == 0 || bytes > ReservedBytes)
        {
            throw new InvalidOperationException($"Released {bytes} bytes, but {AdmittedCount} sequences hold {ReservedBytes}.");
        }

        AdmittedCount--;
        ReservedBytes -= bytes;
    }
}
