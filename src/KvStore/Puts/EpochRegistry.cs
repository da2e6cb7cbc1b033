namespace KvCluster.KvStore.Puts;

/// <summary>Fences off writers of an older incarnation of a worker. Not thread-safe.</summary>
internal sealed class EpochRegistry
{
    private readonly Dictionary<string, WorkerEpoch> _epochs = new(StringComparer.Ordinal);

    /// <summary>What is known of a worker.</summary>
    public WorkerEpoch Of(string workerId)
    {
        if (!_epochs.TryGetValue(workerId, out WorkerEpoch? worker))
        {
            worker = new WorkerEpoch();
            _epochs.Add(workerId, worker);
        }

        return worker;
    }
}
