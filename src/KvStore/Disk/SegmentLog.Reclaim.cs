using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

internal sealed partial class SegmentLog
{
    // A plain record that is carried over may become a sealed one, which is longer: by a third at most, for the smallest there are.
    private long CarryLimitBytes => codec.Cipher.IsSealing ? options.SegmentSizeBytes / 3 : options.CarryLimitBytes;

    /// <summary>Rewrites one segment that is mostly dead. False when there is none.</summary>
    /// <exception cref="IOException">The disk is full or failed; no record is lost.</exception>
    public bool Compact()
    {
        ReclaimPlan? plan;
        lock (gate)
        {
            plan = ReclaimPolicy.ForCompaction(index, options.BudgetBytes - options.ReserveBytes - index.SizeBytes);
        }

        if (plan is not null)
        {
            Reclaim(plan, mayDrop: false);
        }

        return plan is not null;
    }

    /// <summary>Deletes the oldest segments until the files are within the budget.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void ShrinkToBudget()
    {
        while (index.SizeBytes > options.BudgetBytes && ReclaimPolicy.ForRoom(index, CarryLimitBytes) is { } plan)
        {
            Reclaim(plan with { Carry = [] }, mayDrop: true);
        }
    }

    private bool TryMakeRoom(long recordBytes)
    {
        // A new segment's header and footer are counted too, so that the budget holds whatever happens.
        long neededBytes = recordBytes + options.ReserveBytes + SegmentHeader.SizeBytes + SegmentFooter.SizeBytes(1);
        int attemptCount = index.Segments.Count + 2;
        while (attemptCount-- > 0)
        {
            ReclaimPlan? plan = null;
            lock (gate)
            {
                if (index.SizeBytes + neededBytes <= options.BudgetBytes)
                {
                    return true;
                }

                plan = ReclaimPolicy.ForRoom(index, CarryLimitBytes);
            }

            if (plan is null)
            {
                return false;
            }

            Reclaim(plan, mayDrop: true);
        }

        return false;
    }

    private void Reclaim(ReclaimPlan plan, bool mayDrop)
    {
        Segment segment = plan.Segment;
        IReadOnlyList<DiskRecord> carry = plan.Carry;
        bool isRetired = false;
        while (!isRetired)
        {
            foreach (DiskRecord record in carry)
            {
                Carry(record);
            }

            // A block that was leased in the meantime goes along too.
            lock (gate)
            {
                carry = [.. segment.Records.Where(record => index.IsLive(record) && (!mayDrop || index.IsHeld(record.Entry.BlockId)))];
                isRetired = carry.Count == 0;
                if (isRetired)
                {
                    RetireLocked(segment);
                }
            }
        }

        // The copies are on the device before their originals go.
        if (UnflushedBytes > 0)
        {
            Flush();
        }

        bool hasReaders;
        lock (gate)
        {
            hasReaders = segment.ReaderCount > 0;
            segment.IsRetired = true;
        }

        if (!hasReaders)
        {
            segment.File.Dispose();
        }

        TryDelete(segment.FileName);
    }

    private void RetireLocked(Segment segment)
    {
        DiskRecord[] dropped = [.. segment.Records.Where(index.IsLive)];
        Array.ForEach(dropped, index.Remove);
        counters.Reclaimed(dropped.Length);
        index.Remove(segment);
    }

    private void Carry(DiskRecord record)
    {
        lock (gate)
        {
            if (!index.IsLive(record))
            {
                return;
            }
        }

        RecordRead read = codec.Read(record.Segment.File, record.Entry);
        using ColdBlock? block = read.Block;
        if (block is not null)
        {
            // Sealed anew, which may take another length.
            Append(block, checked((int)codec.LengthOf(block)), record);
            counters.CarriedBlock();
            return;
        }

        lock (gate)
        {
            if (index.IsLive(record))
            {
                index.Remove(record);
            }
        }

        Log.RecordNotRead(logger, counters, codec.Cipher, read, record);
    }
}
