using System.Buffers.Binary;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>What one end of a Unix socket says of the memory that it lends, little-endian, beside the open file: its size, and the word that tells whether what was lent still holds.</summary>
internal readonly record struct MemoryOffer(long SizeBytesLent, long WordOffset, long WordValue)
{
    public const int SizeBytes = 32;

    private const int ChecksumOffset = 28;

    /// <summary>Of who lends nothing.</summary>
    public static MemoryOffer None => default;

    public void Write(Span<byte> destination)
    {
        destination[..SizeBytes].Clear();
        BinaryPrimitives.WriteInt64LittleEndian(destination, SizeBytesLent);
        BinaryPrimitives.WriteInt64LittleEndian(destination[8..], WordOffset);
        BinaryPrimitives.WriteInt64LittleEndian(destination[16..], WordValue);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumOffset..], Crc32C.Compute(destination[..ChecksumOffset]));
    }

    /// <exception cref="InvalidDataException">It was damaged, or can't be right.</exception>
    public static MemoryOffer Read(ReadOnlySpan<byte> source)
    {
        var offer = new MemoryOffer(
            BinaryPrimitives.ReadInt64LittleEndian(source), BinaryPrimitives.ReadInt64LittleEndian(source[8..]), BinaryPrimitives.ReadInt64LittleEndian(source[16..]));
        return BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]) == Crc32C.Compute(source[..ChecksumOffset])
            && (offer == None || (offer.SizeBytesLent > offer.WordOffset && SharedSlabMemory.IsWord(offer.WordOffset)))
            ? offer
            : throw new InvalidDataException("what the other end says of its memory was damaged on the way, or can't be right");
    }
}
