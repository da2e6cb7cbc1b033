namespace KvCluster.KvStore.Puts;

/// <summary>Fences off writers of an older incarnation of a worker. Not thread-safe.</summary>
internal sealed class EpochRegistry
{
    private readonly Dictionary<string, WorkerEpoch> _epochs = new(StringComparer.Ordinal);

    /// <summary>Notes that <paramref name="workerId"/> writes in <paramref name="epoch"/>; its older Puts are refused from now on.</summary>
    public WorkerEpoch Observe(string workerId, ulong epoch)
    {
        if (!_epochs.TryGetValue(workerId, out WorkerEpoch? worker))
        {
            worker = new WorkerEpoch(epoch);
            _epochs.Add(workerId, worker);
        }

        worker.Latest = Math.Max(worker.Latest, epoch);
        return worker;
    }
}
