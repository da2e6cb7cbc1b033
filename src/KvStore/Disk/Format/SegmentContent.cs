namespace KvCluster.KvStore.Disk.Format;

/// <summary>The records found in a segment file.</summary>
/// <param name="EndOffset">Where the last of them ends.</param>
/// <param name="IsSealed">Whether a whole footer lists them.</param>
internal sealed record SegmentContent(long EndOffset, bool IsSealed)
{
    private readonly List<(RecordEntry Entry, int FooterIndex)> _live = [];

    /// <summary>Records that are not dropped, in the order written, and their places in the footer.</summary>
    public IReadOnlyList<(RecordEntry Entry, int FooterIndex)> Live => _live;

    /// <summary>Records that are dropped.</summary>
    public int DroppedCount { get; private set; }

    /// <summary>Records that are all there and were refused: their slabs are damaged.</summary>
    public int DamagedCount { get; set; }

    public void Add(in RecordEntry entry, int footerIndex, bool isDropped)
    {
        if (isDropped)
        {
            DroppedCount++;
        }
        else
        {
            _live.Add((entry, footerIndex));
        }
    }
}
