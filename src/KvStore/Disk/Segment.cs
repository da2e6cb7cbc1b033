using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>An append-only file of records. Its fields are guarded by the tier's lock; only the tier's writer changes the file.</summary>
internal sealed class Segment(long number, IDiskFile file)
{
    public long Number { get; } = number;

    public string FileName => SegmentHeader.FileName(Number);

    public IDiskFile File { get; } = file;

    /// <summary>Where the next record goes.</summary>
    public long EndOffset { get; set; } = SegmentHeader.SizeBytes;

    /// <summary>Bytes of the file that are accounted for.</summary>
    public long SizeBytes { get; set; } = SegmentHeader.SizeBytes;

    public bool IsSealed { get; set; }

    /// <summary>Records that the index knows, in the order written, and possibly some that it knows no more.</summary>
    public List<DiskRecord> Records { get; } = [];

    public int LiveCount { get; set; }

    public long LiveBytes { get; set; }

    /// <summary>Reads under way.</summary>
    public int ReaderCount { get; set; }

    /// <summary>Deleted; closed when the last read is done.</summary>
    public bool IsRetired { get; set; }
}
