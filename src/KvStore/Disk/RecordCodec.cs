using System.Buffers;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Format;
using KvCluster.KvStore.Isolation;
using KvCluster.KvStore.Tiers;

namespace KvCluster.KvStore.Disk;

/// <summary>Blocks to records, plain or sealed, and records to verified blocks. Thread-safe.</summary>
/// <param name="pool">Where slabs are rented.</param>
/// <param name="cipher">Seals and opens.</param>
/// <param name="refusesPlain">Whether plain records are not taken.</param>
internal sealed class RecordCodec(SlabPool pool, RecordCipher cipher, bool refusesPlain = false)
{
    public RecordCipher Cipher => cipher;

    /// <summary>Length of the record of a block; over <see cref="int.MaxValue"/>, it can't be stored.</summary>
    public long LengthOf(ColdBlock block) => RecordHeader.LengthOf(block.LayerCount, block.SizeBytes, cipher.IsSealing);

    /// <summary>The bytes of a block's record; the block must outlive them.</summary>
    public EncodedRecord Encode(ColdBlock block)
    {
        int lengthBytes = checked((int)LengthOf(block));
        byte[] head = RecordHeader.Create(block.Id, [.. block.Slabs.Select(slab => slab.SizeBytes)], lengthBytes, cipher.IsSealing);
        if (!cipher.IsSealing)
        {
            return new EncodedRecord(lengthBytes, head, block.Slabs, owned: []);
        }

        SlabLease[] sealedSlabs = [.. block.Slabs.Select(slab => pool.Rent(slab.SizeBytes))];
        cipher.Seal(head, [.. block.Slabs.Select(slab => slab.Memory)], Array.ConvertAll(sealedSlabs, slab => slab.Memory));
        return new EncodedRecord(lengthBytes, head, sealedSlabs, owned: sealedSlabs);
    }

    /// <summary>The block of an entry.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public RecordRead Read(IRecordSource source, in RecordEntry entry)
    {
        if (entry.LayerCount is < 1 or > RecordHeader.MaxLayerCount)
        {
            return RecordRead.Damaged;
        }

        // A sealed record has the longer head; of a plain one this reads a part of its first slab, or of what follows it.
        int headBytes = RecordHeader.BodyOffsetOf(entry.LayerCount, isSealed: true);
        byte[] rented = ArrayPool<byte>.Shared.Rent(headBytes);
        try
        {
            int length = (int)source.Read([rented.AsMemory(0, headBytes)], entry.Offset);
            int[] sizes = new int[entry.LayerCount];
            return RecordHeader.TryRead(rented.AsSpan(0, length), out RecordHeader header, out _)
                && header.BlockId == entry.BlockId
                && header.LayerCount == entry.LayerCount
                && header.LengthBytes == entry.LengthBytes
                && header.TryReadSizes(rented.AsSpan(RecordHeader.SizeBytes, length - RecordHeader.SizeBytes), sizes)
                    ? ReadSlabs(source, entry.Offset, rented, header, sizes)
                    : RecordRead.Damaged;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>The record at the beginning of <paramref name="source"/>, when it is of this block.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public RecordRead Read(IRecordSource source, BlockId id)
    {
        byte[] head = new byte[RecordHeader.SizeBytes];
        return source.Read([head], 0) == head.Length && RecordHeader.TryRead(head, out RecordHeader header, out _) && header.BlockId == id
            ? Read(source, new RecordEntry(id, 0, header.LengthBytes, header.LayerCount))
            : RecordRead.Damaged;
    }

    /// <summary>What the header alone says against reading a record.</summary>
    public RecordFault FaultOf(in RecordHeader header) =>
        header.Seal is not { } seal ? refusesPlain ? RecordFault.NotSealed : RecordFault.None
        : cipher.Knows(seal.KeyFingerprint) ? RecordFault.None
        : RecordFault.KeyUnknown;

    private RecordRead ReadSlabs(IRecordSource source, long offset, byte[] head, in RecordHeader header, int[] sizes)
    {
        SlabLease[] slabs = Array.ConvertAll(sizes, pool.Rent);
        RecordRead read = RecordRead.Damaged;
        try
        {
            Memory<byte>[] parts = Array.ConvertAll(slabs, slab => slab.Memory);
            if (source.Read(parts, offset + header.BodyOffset) != sizes.Sum(size => (long)size))
            {
                return read;
            }

            if (FaultOf(header) is var fault and not RecordFault.None)
            {
                // Without the key, its checksum still tells a sound record from a damaged one.
                bool isSound = header.Seal is not { } foreign || RecordCipher.ChecksumOf(parts) == foreign.SealedChecksum;
                return isSound ? new RecordRead(null, fault, header.Seal?.KeyFingerprint ?? 0) : read;
            }

            bool isOpen = header.Seal is not { } seal || cipher.TryOpen(head, seal, parts);
            if (isOpen && Slab.TryReadHeader(slabs[0].Span, out SlabHeader first) == SlabError.None)
            {
                var block = new ColdBlock(header.BlockId, BlockIdentity.Of(first, header.LayerCount), slabs);
                read = block.Verify() == SlabError.None ? new RecordRead(block) : read;
            }

            return read;
        }
        finally
        {
            if (read.Block is null)
            {
                Array.ForEach(slabs, slab => slab.Dispose());
            }
        }
    }
}
