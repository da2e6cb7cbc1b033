using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Disk.Format;

/// <summary>Where a segment holds a block: an entry of its footer.</summary>
internal readonly record struct RecordEntry(BlockId BlockId, long Offset, int LengthBytes, int LayerCount)
{
    public const int SizeBytes = 40;

    /// <summary>Offset of four bytes outside the checksum that are 0 until the block is dropped.</summary>
    public const int DroppedOffset = 36;

    public void Write(Span<byte> bytes)
    {
        bytes[..SizeBytes].Clear();
        BlockId.Write(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[24..], LengthBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[28..], LayerCount);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[32..], Crc32C.Compute(bytes[..32]));
    }

    /// <summary>False when the entry is damaged.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RecordEntry entry, out bool isDropped)
    {
        entry = new RecordEntry(
            BlockId.Read(bytes),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32LittleEndian(bytes[28..]));
        isDropped = BinaryPrimitives.ReadUInt32LittleEndian(bytes[DroppedOffset..]) != 0;
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]) == Crc32C.Compute(bytes[..32]);
    }
}
