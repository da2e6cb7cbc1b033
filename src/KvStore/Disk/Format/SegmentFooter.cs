using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk.Files;

namespace KvCluster.KvStore.Disk.Format;

/// <summary>
/// The index at the end of a sealed segment: an entry a record, then a trailer of 64 bytes. Byte table: docs/disk-format.md.
/// </summary>
internal static class SegmentFooter
{
    private const int TrailerSizeBytes = 64;
    private const uint Magic = 0x3158564B; // "KVX1", little-endian
    private const ushort Version = 1;

    public static long SizeBytes(int recordCount) => SegmentHeader.Align((long)RecordEntry.SizeBytes * recordCount) + TrailerSizeBytes;

    /// <summary>The bytes to write at <paramref name="offset"/>, where the records end.</summary>
    public static byte[] Create(IReadOnlyList<RecordEntry> entries, long offset)
    {
        byte[] bytes = new byte[SizeBytes(entries.Count)];
        for (int i = 0; i < entries.Count; i++)
        {
            entries[i].Write(bytes.AsSpan(i * RecordEntry.SizeBytes));
        }

        Span<byte> trailer = bytes.AsSpan(bytes.Length - TrailerSizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(trailer[4..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(trailer[8..], entries.Count);
        BinaryPrimitives.WriteInt64LittleEndian(trailer[16..], offset);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[60..], Crc32C.Compute(trailer[..60]));
        return bytes;
    }

    /// <summary>
    /// The footer of a sealed segment; null when there is none or any of it is damaged, and the segment must be scanned.
    /// </summary>
    /// <exception cref="IOException">The device failed.</exception>
    public static SegmentContent? TryRead(IDiskFile file)
    {
        byte[] trailer = new byte[TrailerSizeBytes];
        long trailerOffset = file.SizeBytes - TrailerSizeBytes;
        if (trailerOffset < SegmentHeader.SizeBytes
            || file.Read([trailer], trailerOffset) != TrailerSizeBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(trailer) != Magic
            || BinaryPrimitives.ReadUInt16LittleEndian(trailer.AsSpan(4)) != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(trailer.AsSpan(60)) != Crc32C.Compute(trailer.AsSpan(0, 60)))
        {
            return null;
        }

        int count = BinaryPrimitives.ReadInt32LittleEndian(trailer.AsSpan(8));
        long offset = BinaryPrimitives.ReadInt64LittleEndian(trailer.AsSpan(16));
        if (count < 0 || offset < SegmentHeader.SizeBytes || offset + SizeBytes(count) != file.SizeBytes)
        {
            return null;
        }

        byte[] bytes = new byte[RecordEntry.SizeBytes * count];
        return file.Read([bytes], offset) == bytes.Length ? ReadEntries(bytes, offset) : null;
    }

    private static SegmentContent? ReadEntries(ReadOnlySpan<byte> bytes, long recordsEnd)
    {
        var content = new SegmentContent(recordsEnd, IsSealed: true);
        for (int index = 0; index * RecordEntry.SizeBytes < bytes.Length; index++)
        {
            if (!RecordEntry.TryRead(bytes[(index * RecordEntry.SizeBytes)..], out RecordEntry entry, out bool isDropped)
                || entry.Offset < SegmentHeader.SizeBytes
                || entry.LengthBytes < RecordHeader.SizeBytes
                || entry.LayerCount < 1
                || entry.Offset + entry.LengthBytes > recordsEnd)
            {
                return null;
            }

            content.Add(entry, index, isDropped);
        }

        return content;
    }
}
