using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Isolation;

namespace KvCluster.KvStore.Disk.Format;

/// <summary>
/// What stands before the slabs of a block in a segment: 64 bytes, then a table with a size a slab and, in a sealed record, its salt and a tag a
/// slab. Byte table: docs/disk-format.md.
/// </summary>
/// <param name="BlockId">Whose slabs follow.</param>
/// <param name="LayerCount">How many.</param>
/// <param name="LengthBytes">Of the whole record: header, table, slabs, zeros up to a multiple of 64.</param>
/// <param name="TableChecksum">CRC-32C of the table.</param>
/// <param name="Seal">Null in a plain record.</param>
internal readonly record struct RecordHeader(BlockId BlockId, int LayerCount, int LengthBytes, uint TableChecksum, RecordSeal? Seal)
{
    public const int SizeBytes = 64;
    public const uint Magic = 0x3152564B; // "KVR1", little-endian

    /// <summary>Offset of four bytes outside the checksum that are 0 until the block is dropped.</summary>
    public const int DroppedOffset = 60;

    /// <summary>The first bytes of a sealed record's header, which its seal covers.</summary>
    public const int AuthenticatedBytes = 48;

    public const int MaxLayerCount = 4096;

    private const ushort PlainVersion = 1;
    private const ushort SealedVersion = 2;

    /// <summary>Where the first slab begins, from the record's beginning.</summary>
    public int BodyOffset => BodyOffsetOf(LayerCount, Seal is not null);

    public static int BodyOffsetOf(int layerCount, bool isSealed) => (int)SegmentHeader.Align(SizeBytes + TableBytes(layerCount, isSealed));

    /// <summary>Length of the record of a block; over <see cref="int.MaxValue"/>, it can't be stored.</summary>
    public static long LengthOf(int layerCount, long slabBytes, bool isSealed) =>
        SegmentHeader.Align(BodyOffsetOf(layerCount, isSealed) + slabBytes);

    /// <summary>Header and table, up to the first slab; of a sealed record, all but its seal.</summary>
    public static byte[] Create(BlockId id, ReadOnlySpan<int> slabSizes, int lengthBytes, bool isSealed)
    {
        byte[] bytes = new byte[BodyOffsetOf(slabSizes.Length, isSealed)];
        for (int layer = 0; layer < slabSizes.Length; layer++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(SizeBytes + (sizeof(int) * layer)), slabSizes[layer]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), isSealed ? SealedVersion : PlainVersion);
        id.Write(bytes.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), slabSizes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(28), lengthBytes);
        WriteChecksums(bytes, slabSizes.Length, isSealed);
        return bytes;
    }

    /// <summary>Salt and tags of a sealed record.</summary>
    public static Span<byte> SealTableOf(Span<byte> head, int layerCount) =>
        head.Slice(SizeBytes + (sizeof(int) * layerCount), SealTableBytes(layerCount));

    /// <inheritdoc cref="SealTableOf(Span{byte}, int)"/>
    public static ReadOnlySpan<byte> SealTableOf(ReadOnlySpan<byte> head, int layerCount) =>
        head.Slice(SizeBytes + (sizeof(int) * layerCount), SealTableBytes(layerCount));

    /// <summary>The part of the seal that the seal itself covers.</summary>
    public static void WriteKey(Span<byte> head, ulong keyFingerprint, ulong recordNumber)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(head[32..], keyFingerprint);
        BinaryPrimitives.WriteUInt64LittleEndian(head[40..], recordNumber);
    }

    /// <summary>Ends the header of a sealed record.</summary>
    public static void CompleteSealed(Span<byte> head, int layerCount, uint sealedChecksum)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head[48..], sealedChecksum);
        WriteChecksums(head, layerCount, isSealed: true);
    }

    /// <summary>False when these bytes are not the beginning of a record.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RecordHeader header, out bool isDropped)
    {
        header = default;
        isDropped = false;
        if (bytes.Length < SizeBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) is not (PlainVersion or SealedVersion)
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]) != Crc32C.Compute(bytes[..56]))
        {
            return false;
        }

        bool isSealed = BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) == SealedVersion;
        var seal = new RecordSeal(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[48..]));
        var read = new RecordHeader(
            BlockId.Read(bytes[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[28..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]),
            isSealed ? seal : null);
        if (read.LayerCount is < 1 or > MaxLayerCount
            || read.LengthBytes < read.BodyOffset
            || read.LengthBytes % SegmentHeader.AlignmentBytes != 0)
        {
            return false;
        }

        header = read;
        isDropped = BinaryPrimitives.ReadUInt32LittleEndian(bytes[DroppedOffset..]) != 0;
        return true;
    }

    /// <summary>The sizes of the slabs, when the table agrees with the header.</summary>
    /// <param name="bytes">From the table on.</param>
    /// <param name="slabSizes">By layer.</param>
    public bool TryReadSizes(ReadOnlySpan<byte> bytes, Span<int> slabSizes)
    {
        int tableBytes = TableBytes(LayerCount, Seal is not null);
        if (bytes.Length < tableBytes || Crc32C.Compute(bytes[..tableBytes]) != TableChecksum)
        {
            return false;
        }

        long total = 0;
        for (int layer = 0; layer < LayerCount; layer++)
        {
            slabSizes[layer] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(sizeof(int) * layer)..]);
            total += slabSizes[layer];
            if (slabSizes[layer] < Slab.HeaderSizeBytes)
            {
                return false;
            }
        }

        return LengthOf(LayerCount, total, Seal is not null) == LengthBytes;
    }

    private static int TableBytes(int layerCount, bool isSealed) => (sizeof(int) * layerCount) + (isSealed ? SealTableBytes(layerCount) : 0);

    private static int SealTableBytes(int layerCount) => RecordCipher.SaltSizeBytes + (RecordCipher.TagSizeBytes * layerCount);

    private static void WriteChecksums(Span<byte> head, int layerCount, bool isSealed)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head[52..], Crc32C.Compute(head.Slice(SizeBytes, TableBytes(layerCount, isSealed))));
        BinaryPrimitives.WriteUInt32LittleEndian(head[56..], Crc32C.Compute(head[..56]));
    }
}
