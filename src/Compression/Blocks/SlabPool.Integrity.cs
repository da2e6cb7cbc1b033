using KvCluster.Compression.Blocks.Segments;

namespace KvCluster.Compression.Blocks;

public sealed partial class SlabPool
{
    /// <summary>
    /// Proves that extents cover every segment without gap or overlap, that no two free ones are neighbours, that each is listed as what it is, and
    /// that the counts agree; for tests, after every scenario.
    /// </summary>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void CheckIntegrity()
    {
        lock (_lock)
        {
            var free = _heap.Free.ToHashSet(ReferenceEqualityComparer.Instance);
            Require(free.Count == _heap.Free.Count(), "a free extent is listed twice");
            long reserved = 0;
            long rented = 0;
            int rentedCount = 0;
            int freeCount = 0;
            foreach (NativeSegment segment in _heap.Segments)
            {
                foreach (SlabExtent extent in ExtentsOf(segment))
                {
                    freeCount += extent.IsFree ? 1 : 0;
                    rentedCount += extent.IsFree ? 0 : 1;
                    rented += extent.IsFree ? 0 : extent.SizeBytes;
                    Require(extent.IsFree == free.Contains(extent), "an extent is not listed as what it is");
                    Require(extent.IsFree || segment.IsTouched(extent.Offset, extent.SizeBytes), "a rented page counts as given back");
                }

                reserved += segment.SizeBytes;
                Require(segment.CountResidentBytes() == segment.ResidentBytes, "a segment's touched pages are miscounted");
            }

            Require(freeCount == free.Count, $"{freeCount} extents are free, {free.Count} are listed");
            Require(reserved == _heap.ReservedBytes, $"the segments have {reserved} bytes, {_heap.ReservedBytes} are counted");
            Require(rented == _heap.RentedBytes, $"{rented} bytes are rented, {_heap.RentedBytes} are counted");
            Require(rentedCount == _rentedCount, $"{rentedCount} slabs are rented, {_rentedCount} are counted");
            Require(_heap.Segments.Sum(segment => segment.ResidentBytes) == _heap.ResidentBytes, "the touched pages are miscounted");
            Require(_idleBuffers.All(buffer => buffer is { LeaseCount: 0, Extent: null }), "an idle buffer is leased");
        }
    }

    private static IEnumerable<SlabExtent> ExtentsOf(NativeSegment segment)
    {
        long end = 0;
        SlabExtent? before = null;
        for (SlabExtent? extent = segment.First; extent is not null; extent = extent.After)
        {
            Require(extent.Offset == end && extent.SizeBytes > 0, "extents leave a gap or overlap");
            Require(extent.Segment == segment && extent.Before == before, "an extent does not know its neighbours");
            Require(before is null || !before.IsFree || !extent.IsFree, "two neighbours are free");
            yield return extent;
            end += extent.SizeBytes;
            before = extent;
        }

        Require(end == segment.SizeBytes, $"extents cover {end} of {segment.SizeBytes} bytes of a segment");
    }

    private static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"The slab pool is broken: {problem}.");
        }
    }
}
