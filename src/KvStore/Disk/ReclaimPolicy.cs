using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>
/// Chooses the segment to give up for room: one that is mostly dead, else the oldest. From it go along what is held, and, as a second
/// chance, what was read since it was written.
/// </summary>
internal static class ReclaimPolicy
{
    /// <summary>Null when every segment holds more that may not be dropped than can be carried over.</summary>
    public static ReclaimPlan? ForRoom(DiskIndex index, long carryLimitBytes)
    {
        Segment[] candidates = [.. index.Segments.Where(segment => segment.IsSealed && HeldBytes(index, segment) <= carryLimitBytes)];
        Segment? victim = candidates.FirstOrDefault(IsMostlyDead) ?? candidates.FirstOrDefault();
        if (victim is null)
        {
            return null;
        }

        long leftBytes = carryLimitBytes - HeldBytes(index, victim);
        var carry = new List<DiskRecord>();
        foreach (DiskRecord record in victim.Records.Where(index.IsLive))
        {
            bool isHeld = index.IsHeld(record.Entry.BlockId);
            if (!isHeld && record.WasUsed && CostOf(record) <= leftBytes)
            {
                leftBytes -= CostOf(record);
                carry.Add(record);
            }
            else if (isHeld)
            {
                carry.Add(record);
            }
        }

        return new ReclaimPlan(victim, carry);
    }

    /// <summary>A segment that is mostly dead and whose live records, all carried over, fit in <paramref name="freeBytes"/>; null for none.</summary>
    public static ReclaimPlan? ForCompaction(DiskIndex index, long freeBytes) => index.Segments
        .Where(segment => segment.IsSealed && IsMostlyDead(segment))
        .Select(segment => new ReclaimPlan(segment, [.. segment.Records.Where(index.IsLive)]))
        .FirstOrDefault(plan => plan.Carry.Sum(CostOf) <= freeBytes);

    /// <summary>Bytes that writing a record takes up, its entry in the footer counted.</summary>
    public static long CostOf(DiskRecord record) => record.Entry.LengthBytes + SegmentHeader.AlignmentBytes;

    private static bool IsMostlyDead(Segment segment) => 2 * segment.LiveBytes < segment.EndOffset - SegmentHeader.SizeBytes || segment.LiveCount == 0;

    private static long HeldBytes(DiskIndex index, Segment segment) => segment.Records
        .Where(record => index.IsHeld(record.Entry.BlockId) && index.IsLive(record))
        .Sum(CostOf);
}
