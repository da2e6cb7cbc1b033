using System.Buffers;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Disk;

/// <summary>Reads a record into rented slabs and verifies it.</summary>
internal static class RecordReader
{
    /// <summary>The block; null when anything about it is not as it was written.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public static ColdBlock? Read(IRecordSource source, in RecordEntry entry, SlabPool pool)
    {
        int bodyOffset = RecordHeader.BodyOffsetOf(entry.LayerCount);
        byte[] head = ArrayPool<byte>.Shared.Rent(bodyOffset);
        try
        {
            int[] sizes = new int[entry.LayerCount];
            return source.Read([head.AsMemory(0, bodyOffset)], entry.Offset) == bodyOffset
                && RecordHeader.TryRead(head.AsSpan(0, bodyOffset), out RecordHeader header, out _)
                && header.BlockId == entry.BlockId
                && header.LayerCount == entry.LayerCount
                && header.LengthBytes == entry.LengthBytes
                && header.TryReadSizes(head.AsSpan(RecordHeader.SizeBytes, bodyOffset - RecordHeader.SizeBytes), sizes)
                    ? ReadSlabs(source, entry, sizes, pool)
                    : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(head);
        }
    }

    /// <summary>The record at the beginning of <paramref name="source"/>, when it is of this block.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public static ColdBlock? Read(IRecordSource source, BlockId id, SlabPool pool)
    {
        byte[] head = new byte[RecordHeader.SizeBytes];
        return source.Read([head], 0) == head.Length && RecordHeader.TryRead(head, out RecordHeader header, out _) && header.BlockId == id
            ? Read(source, new RecordEntry(id, 0, header.LengthBytes, header.LayerCount), pool)
            : null;
    }

    private static ColdBlock? ReadSlabs(IRecordSource source, in RecordEntry entry, int[] sizes, SlabPool pool)
    {
        SlabLease[] slabs = Array.ConvertAll(sizes, pool.Rent);
        bool isSound = false;
        try
        {
            long offset = entry.Offset + RecordHeader.BodyOffsetOf(entry.LayerCount);
            if (source.Read(Array.ConvertAll(slabs, slab => slab.Memory), offset) != sizes.Sum(size => (long)size)
                || Slab.TryReadHeader(slabs[0].Span, out SlabHeader first) != SlabError.None)
            {
                return null;
            }

            var block = new ColdBlock(entry.BlockId, BlockIdentity.Of(first, entry.LayerCount), slabs);
            isSound = block.Verify() == SlabError.None;
            return isSound ? block : null;
        }
        finally
        {
            if (!isSound)
            {
                Array.ForEach(slabs, slab => slab.Dispose());
            }
        }
    }
}
