namespace KvCluster.KvStore.Disk;

/// <param name="Segment">To be deleted.</param>
/// <param name="Carry">Its records to be written again before that, in the order written. The rest is dropped.</param>
internal sealed record ReclaimPlan(Segment Segment, IReadOnlyList<DiskRecord> Carry);
