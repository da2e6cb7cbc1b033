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
    public static ColdBlock? Read(IDiskFile file, in RecordEntry entry, SlabPool pool)
    {
        int bodyOffset = RecordHeader.BodyOffsetOf(entry.LayerCount);
        byte[] head = ArrayPool<byte>.Shared.Rent(bodyOffset);
        try
        {
            int[] sizes = new int[entry.LayerCount];
            return file.Read([head.AsMemory(0, bodyOffset)], entry.Offset) == bodyOffset
                && RecordHeader.TryRead(head.AsSpan(0, bodyOffset), out RecordHeader header, out _)
                && header.BlockId == entry.BlockId
                && header.LayerCount == entry.LayerCount
                && header.LengthBytes == entry.LengthBytes
                && header.TryReadSizes(head.AsSpan(RecordHeader.SizeBytes, bodyOffset - RecordHeader.SizeBytes), sizes)
                    ? ReadSlabs(file, entry, sizes, pool)
                    : null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(head);
        }
    }

    private static ColdBlock? ReadSlabs(IDiskFile file, in RecordEntry entry, int[] sizes, SlabPool pool)
    {
        SlabLease[] slabs = Array.ConvertAll(sizes, pool.Rent);
        bool isSound = false;
        try
        {
            long offset = entry.Offset + RecordHeader.BodyOffsetOf(entry.LayerCount);
            if (file.Read(Array.ConvertAll(slabs, slab => slab.Memory), offset) != sizes.Sum(size => (long)size)
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
