using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Disk;

/// <summary>A block as the bytes of its record. The slabs are the block's own, which must outlive this.</summary>
internal sealed class EncodedRecord
{
    private EncodedRecord(int lengthBytes, IReadOnlyList<ReadOnlyMemory<byte>> parts)
    {
        LengthBytes = lengthBytes;
        Parts = parts;
    }

    public int LengthBytes { get; }

    /// <summary>To be written one after the other.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Parts { get; }

    /// <summary>Length of the record of a block; over <see cref="int.MaxValue"/>, it can't be stored.</summary>
    public static long LengthOf(ColdBlock block) => RecordHeader.LengthOf(block.LayerCount, block.SizeBytes);

    public static EncodedRecord Of(ColdBlock block)
    {
        int lengthBytes = checked((int)LengthOf(block));
        var parts = new List<ReadOnlyMemory<byte>>(block.LayerCount + 2)
        {
            RecordHeader.Create(block.Id, [.. block.Slabs.Select(slab => slab.SizeBytes)], lengthBytes),
        };
        parts.AddRange(block.Slabs.Select(slab => (ReadOnlyMemory<byte>)slab.Memory));
        int paddingBytes = lengthBytes - RecordHeader.BodyOffsetOf(block.LayerCount) - (int)block.SizeBytes;
        if (paddingBytes > 0)
        {
            parts.Add(new byte[paddingBytes]);
        }

        return new EncodedRecord(lengthBytes, parts);
    }

    public byte[] ToArray()
    {
        byte[] bytes = GC.AllocateUninitializedArray<byte>(LengthBytes);
        int offset = 0;
        foreach (ReadOnlyMemory<byte> part in Parts)
        {
            part.Span.CopyTo(bytes.AsSpan(offset));
            offset += part.Length;
        }

        return bytes;
    }
}
