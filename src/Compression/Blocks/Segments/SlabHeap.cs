namespace KvCluster.Compression.Blocks.Segments;

/// <summary>
/// Rents runs of bytes, rounded up to 64, out of large segments. Neighbouring free runs are one; a segment that is wholly free, and pages of holes
/// that nothing fits into, go back to the kernel. Not thread-safe: the pool's lock guards it.
/// </summary>
/// <remarks>
/// reserved = rented + free, in extents that cover every segment without gap or overlap. resident: pages that were ever rented and not given
/// back; what is resident and not rented is at most <c>maxRetained</c> and the pages at the edges of holes.
/// </remarks>
internal sealed class SlabHeap
{
    public const int GranuleBytes = 64;

    private const long MinSegmentBytes = 256 << 10;
    private const long MaxSegmentBytes = 32 << 20;

    private readonly List<NativeSegment> _segments = [];
    private List<NativeSegment> _removed = [];
    private readonly FreeExtents _free = new();
    private SlabExtent? _firstTouched;
    private SlabExtent? _lastTouched;

    public long ReservedBytes { get; private set; }

    public long RentedBytes { get; private set; }

    public long ResidentBytes { get; private set; }

    /// <summary>Where new segments lie from now on, as far as it has room.</summary>
    public SharedSlabMemory? Shared { get; set; }

    public IReadOnlyList<NativeSegment> Segments => _segments;

    public IEnumerable<SlabExtent> Free => _free.All;

    public static long Round(int sizeBytes) => (sizeBytes + (long)GranuleBytes - 1) & -GranuleBytes;

    public SlabExtent Rent(long roundedBytes)
    {
        SlabExtent extent = _free.Find(roundedBytes) ?? AddSegment(roundedBytes);
        _free.Remove(extent);
        bool mayBeTouched = extent.IsListedTouched;
        UnlistTouched(extent);
        if (extent.SizeBytes > roundedBytes)
        {
            Split(extent, roundedBytes, mayBeTouched);
        }

        extent.IsFree = false;
        RentedBytes += roundedBytes;
        long before = extent.Segment.ResidentBytes;
        extent.Segment.Touch(extent.Offset, extent.SizeBytes);
        ResidentBytes += extent.Segment.ResidentBytes - before;
        return extent;
    }

    /// <summary>Takes back a rented extent; segments and pages go back to the kernel so that at most <paramref name="maxRetainedBytes"/> are kept idle.</summary>
    public void Return(SlabExtent extent, long maxRetainedBytes)
    {
        extent = Release(extent);
        if (extent.SizeBytes == extent.Segment.SizeBytes && ResidentBytes - RentedBytes > maxRetainedBytes)
        {
            RemoveSegment(extent);
        }

        GiveBack(maxRetainedBytes);
    }

    /// <summary>Only the bookkeeping of <see cref="Return"/>, which is all that a finalizer may do: the segment may be gone.</summary>
    public SlabExtent Release(SlabExtent extent)
    {
        RentedBytes -= extent.SizeBytes;
        extent.IsFree = true;
        if (extent.After is { IsFree: true } after)
        {
            Absorb(extent, after);
        }

        if (extent.Before is { IsFree: true } before)
        {
            _free.Remove(before);
            Absorb(before, extent, isListed: false);
            extent = before;
        }

        _free.Add(extent);
        ListTouched(extent);
        return extent;
    }

    /// <summary>Gives idle pages back until at most so many bytes are kept, longest idle first.</summary>
    public void GiveBack(long maxRetainedBytes)
    {
        while (ResidentBytes - RentedBytes > maxRetainedBytes && _firstTouched is { } idle)
        {
            UnlistTouched(idle);
            if (idle.SizeBytes == idle.Segment.SizeBytes)
            {
                RemoveSegment(idle);
                continue;
            }

            long before = idle.Segment.ResidentBytes;
            idle.Segment.Discard(idle.Offset, idle.SizeBytes);
            ResidentBytes += idle.Segment.ResidentBytes - before;
        }
    }

    /// <summary>Frees all segments of which nothing is rented.</summary>
    public void Trim()
    {
        foreach (NativeSegment segment in _segments.Where(segment => segment.First is { IsFree: true, After: null }).ToArray())
        {
            RemoveSegment(segment.First);
        }
    }

    /// <summary>Segments that are no longer of this heap, to be disposed by the caller without the pool's lock: giving shared memory back takes a microsecond a page.</summary>
    public IReadOnlyList<NativeSegment> TakeRemoved()
    {
        if (_removed.Count == 0)
        {
            return [];
        }

        List<NativeSegment> removed = _removed;
        _removed = [];
        return removed;
    }

    private SlabExtent AddSegment(long roundedBytes)
    {
        // As much again as there is, so that a small pool stays small; a slab that is larger has a segment of its own.
        long sizeBytes = Math.Clamp(ReservedBytes, Shared is null ? MinSegmentBytes : NativePages.HugePageBytes, MaxSegmentBytes);
        sizeBytes = Math.Max(sizeBytes, roundedBytes);
        if (sizeBytes >= NativePages.HugePageBytes)
        {
            sizeBytes = (sizeBytes + NativePages.HugePageBytes - 1) & -NativePages.HugePageBytes;
        }

        var segment = new NativeSegment(sizeBytes, Shared);
        var extent = new SlabExtent(segment, 0, sizeBytes) { IsFree = true };
        segment.First = extent;
        _segments.Add(segment);
        ReservedBytes += sizeBytes;
        _free.Add(extent);
        return extent;
    }

    private void RemoveSegment(SlabExtent whole)
    {
        _free.Remove(whole);
        UnlistTouched(whole);
        _segments.Remove(whole.Segment);
        ReservedBytes -= whole.Segment.SizeBytes;
        ResidentBytes -= whole.Segment.ResidentBytes;
        _removed.Add(whole.Segment);
    }

    private void Split(SlabExtent extent, long sizeBytes, bool mayBeTouched)
    {
        var rest = new SlabExtent(extent.Segment, extent.Offset + sizeBytes, extent.SizeBytes - sizeBytes)
        {
            IsFree = true,
            Before = extent,
            After = extent.After,
        };
        extent.After?.Before = rest;
        extent.After = rest;
        extent.SizeBytes = sizeBytes;
        _free.Add(rest);
        if (mayBeTouched)
        {
            ListTouched(rest);
        }
    }

    /// <summary>Two neighbours as one, the left one; the right one leaves the lists that it is in.</summary>
    private void Absorb(SlabExtent left, SlabExtent right, bool isListed = true)
    {
        if (isListed)
        {
            _free.Remove(right);
            UnlistTouched(right);
        }

        left.SizeBytes += right.SizeBytes;
        left.After = right.After;
        right.After?.Before = left;
    }

    /// <summary>At the end of the list of those that may have touched pages, where it is already listed too.</summary>
    private void ListTouched(SlabExtent extent)
    {
        UnlistTouched(extent);
        extent.IsListedTouched = true;
        extent.PreviousTouched = _lastTouched;
        if (_lastTouched is null)
        {
            _firstTouched = extent;
        }
        else
        {
            _lastTouched.NextTouched = extent;
        }

        _lastTouched = extent;
    }

    private void UnlistTouched(SlabExtent extent)
    {
        if (!extent.IsListedTouched)
        {
            return;
        }

        if (extent.PreviousTouched is null)
        {
            _firstTouched = extent.NextTouched;
        }
        else
        {
            extent.PreviousTouched.NextTouched = extent.NextTouched;
        }

        if (extent.NextTouched is null)
        {
            _lastTouched = extent.PreviousTouched;
        }
        else
        {
            extent.NextTouched.PreviousTouched = extent.PreviousTouched;
        }

        extent.IsListedTouched = false;
        extent.PreviousTouched = null;
        extent.NextTouched = null;
    }
}
