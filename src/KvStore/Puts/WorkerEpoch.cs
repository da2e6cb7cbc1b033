namespace KvCluster.KvStore.Puts;

/// <summary>The latest incarnation seen of one worker.</summary>
internal sealed class WorkerEpoch(ulong latest)
{
    public ulong Latest { get; set; } = latest;
}
