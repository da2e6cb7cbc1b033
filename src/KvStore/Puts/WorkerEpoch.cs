namespace KvCluster.KvStore.Puts;

/// <summary>The latest incarnation known of one worker.</summary>
internal sealed class WorkerEpoch
{
    public ulong Latest { get; private set; }

    /// <summary>Older Puts are refused from now on.</summary>
    public void Note(ulong epoch) => Latest = Math.Max(Latest, epoch);
}
