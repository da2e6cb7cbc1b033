using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>A block on disk, as the index knows it. Guarded by the tier's lock.</summary>
internal sealed class DiskRecord(Segment segment, RecordEntry entry, int footerIndex)
{
    public Segment Segment { get; } = segment;

    public RecordEntry Entry { get; } = entry;

    /// <summary>Place in the segment's footer; -1 while there is none.</summary>
    public int FooterIndex { get; set; } = footerIndex;

    /// <summary>Whether it is sealed with a key that is not known: not held, and kept for when the key comes back.</summary>
    public bool IsUnreadable { get; set; }

    /// <summary>Whether it was read since it was written: worth carrying over when its segment is reclaimed.</summary>
    public bool WasUsed { get; set; }
}
