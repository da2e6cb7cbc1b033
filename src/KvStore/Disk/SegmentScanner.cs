using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>
/// Finds the records of a segment that has no footer, by reading all of it. What is damaged or cut off is passed over: the search goes on at
/// the next place where a record could begin.
/// </summary>
internal static class SegmentScanner
{
    private const int WindowBytes = 1 << 20;

    /// <summary>Sound records only: each has been read and verified, sealed ones without their key by their checksum.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public static SegmentContent Scan(IDiskFile file, RecordCodec codec)
    {
        var found = new List<(RecordEntry Entry, bool IsDropped)>();
        int damagedCount = 0;
        long offset = SegmentHeader.SizeBytes;
        byte[] head = new byte[RecordHeader.SizeBytes];
        while (TryFind(file, head, ref offset, out RecordHeader header, out bool isDropped))
        {
            var entry = new RecordEntry(header.BlockId, offset, header.LengthBytes, header.LayerCount);
            bool isWhole = entry.Offset + entry.LengthBytes <= file.SizeBytes;
            if (isWhole && (isDropped || IsSound(file, entry, codec)))
            {
                found.Add((entry, isDropped));
                offset += header.LengthBytes;
                continue;
            }

            // A write that was cut off is what a crash leaves; only a record that is all there can be damaged.
            damagedCount += isWhole ? 1 : 0;
            offset += SegmentHeader.AlignmentBytes;
        }

        long end = found.Count == 0 ? SegmentHeader.SizeBytes : found[^1].Entry.Offset + found[^1].Entry.LengthBytes;
        var content = new SegmentContent(end, IsSealed: false) { DamagedCount = damagedCount };
        found.ForEach(record => content.Add(record.Entry, -1, record.IsDropped));
        return content;
    }

    private static bool IsSound(IDiskFile file, in RecordEntry entry, RecordCodec codec)
    {
        RecordRead read = codec.Read(file, entry);
        using ColdBlock? block = read.Block;
        return read.Fault != RecordFault.Damaged;
    }

    /// <summary>The first record header at <paramref name="offset"/> or after it.</summary>
    private static bool TryFind(IDiskFile file, byte[] head, ref long offset, out RecordHeader header, out bool isDropped)
    {
        header = default;
        isDropped = false;
        if (file.Read([head], offset) == head.Length && RecordHeader.TryRead(head, out header, out isDropped))
        {
            return true;
        }

        byte[]? window = null;
        while (offset + RecordHeader.SizeBytes <= file.SizeBytes)
        {
            window ??= new byte[WindowBytes];
            int length = (int)file.Read([window], offset);
            for (int at = 0; at + RecordHeader.SizeBytes <= length; at += SegmentHeader.AlignmentBytes)
            {
                if (RecordHeader.TryRead(window.AsSpan(at, RecordHeader.SizeBytes), out header, out isDropped))
                {
                    offset += at;
                    return true;
                }
            }

            offset += Math.Max(length / SegmentHeader.AlignmentBytes, 1) * SegmentHeader.AlignmentBytes;
        }

        return false;
    }
}
