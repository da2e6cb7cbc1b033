using System.Buffers.Binary;
using System.Globalization;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Disk.Format;

/// <summary>The first 64 bytes of a segment file. Byte table: docs/disk-format.md.</summary>
internal static class SegmentHeader
{
    public const int SizeBytes = 64;
    public const ushort MaxVersion = SealedVersion;

    /// <summary>Every record begins at a multiple of this.</summary>
    public const int AlignmentBytes = 64;

    private const ushort PlainVersion = 1;

    // A KvStore that does not know sealed records would take them for damaged ones.
    private const ushort SealedVersion = 2;

    private const uint Magic = 0x3153564B; // "KVS1", little-endian
    private const string NamePrefix = "blocks-";
    private const string NameSuffix = ".kvs";
    private const int NumberDigits = 12;

    public static string FileName(long number) => $"{NamePrefix}{number.ToString($"d{NumberDigits}", CultureInfo.InvariantCulture)}{NameSuffix}";

    /// <summary>Whether a file is a segment, and which.</summary>
    public static bool TryParseFileName(string name, out long number)
    {
        number = 0;
        return name.Length == NamePrefix.Length + NumberDigits + NameSuffix.Length
            && name.StartsWith(NamePrefix, StringComparison.Ordinal)
            && name.EndsWith(NameSuffix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(NamePrefix.Length, NumberDigits), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    /// <param name="number">Of the segment.</param>
    /// <param name="isSealed">Whether its records may be sealed.</param>
    public static byte[] Create(long number, bool isSealed)
    {
        byte[] bytes = new byte[SizeBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), isSealed ? SealedVersion : PlainVersion);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), number);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(60), Crc32C.Compute(bytes.AsSpan(0, 60)));
        return bytes;
    }

    /// <summary>Whether the header is whole.</summary>
    public static bool IsIntact(ReadOnlySpan<byte> bytes) =>
        bytes.Length >= SizeBytes
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic
        && BinaryPrimitives.ReadUInt32LittleEndian(bytes[60..]) == Crc32C.Compute(bytes[..60]);

    /// <summary>The format version of an intact header.</summary>
    public static int VersionOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]);

    /// <summary>The number that an intact header says.</summary>
    public static long NumberOf(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);

    public static long Align(long sizeBytes) => (sizeBytes + AlignmentBytes - 1) / AlignmentBytes * AlignmentBytes;
}
