using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Disk.Format;

/// <summary>What stands before the slabs of a block in a segment: 64 bytes, then a size a slab. Byte table: docs/disk-format.md.</summary>
/// <param name="BlockId">Whose slabs follow.</param>
/// <param name="LayerCount">How many.</param>
/// <param name="LengthBytes">Of the whole record: header, sizes, slabs, zeros up to a multiple of 64.</param>
/// <param name="SizesChecksum">CRC-32C of the sizes.</param>
internal readonly record struct RecordHeader(BlockId BlockId, int LayerCount, int LengthBytes, uint SizesChecksum)
{
    public const int SizeBytes = 64;
    public const uint Magic = 0x3152564B; // "KVR1", little-endian

    /// <summary>Offset of four bytes outside the checksum that are 0 until the block is dropped.</summary>
    public const int DroppedOffset = 60;

    private const ushort Version = 1;
    private const int MaxLayerCount = 4096;

    /// <summary>Where the first slab begins, from the record's beginning.</summary>
    public int BodyOffset => BodyOffsetOf(LayerCount);

    public static int BodyOffsetOf(int layerCount) => (int)SegmentHeader.Align(SizeBytes + (sizeof(int) * (long)layerCount));

    /// <summary>Length of the record of a block; over <see cref="int.MaxValue"/>, it can't be stored.</summary>
    public static long LengthOf(int layerCount, long slabBytes) => SegmentHeader.Align(BodyOffsetOf(layerCount) + slabBytes);

    /// <summary>Header and sizes, up to the first slab.</summary>
    public static byte[] Create(BlockId id, ReadOnlySpan<int> slabSizes, int lengthBytes)
    {
        byte[] bytes = new byte[BodyOffsetOf(slabSizes.Length)];
        Span<byte> sizes = bytes.AsSpan(SizeBytes, sizeof(int) * slabSizes.Length);
        for (int layer = 0; layer < slabSizes.Length; layer++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(sizes[(sizeof(int) * layer)..], slabSizes[layer]);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), Version);
        id.Write(bytes.AsSpan(8));
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), slabSizes.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(28), lengthBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(52), Crc32C.Compute(sizes));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(56), Crc32C.Compute(bytes.AsSpan(0, 56)));
        return bytes;
    }

    /// <summary>False when these bytes are not the beginning of a record.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RecordHeader header, out bool isDropped)
    {
        header = default;
        isDropped = false;
        if (bytes.Length < SizeBytes
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) != Version
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]) != Crc32C.Compute(bytes[..56]))
        {
            return false;
        }

        var read = new RecordHeader(
            BlockId.Read(bytes[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[28..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[52..]));
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

    /// <summary>The sizes of the slabs, when they agree with the header.</summary>
    public bool TryReadSizes(ReadOnlySpan<byte> bytes, Span<int> slabSizes)
    {
        ReadOnlySpan<byte> table = bytes[..(sizeof(int) * LayerCount)];
        if (Crc32C.Compute(table) != SizesChecksum)
        {
            return false;
        }

        long total = 0;
        for (int layer = 0; layer < LayerCount; layer++)
        {
            slabSizes[layer] = BinaryPrimitives.ReadInt32LittleEndian(table[(sizeof(int) * layer)..]);
            total += slabSizes[layer];
            if (slabSizes[layer] < Slab.HeaderSizeBytes)
            {
                return false;
            }
        }

        return LengthOf(LayerCount, total) == LengthBytes;
    }
}
