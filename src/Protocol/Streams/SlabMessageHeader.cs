using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Streams;

/// <summary>The 64 bytes before every message of a slab stream (docs/slab-stream.md), little-endian. After them come the extra bytes, then the slab.</summary>
public readonly record struct SlabMessageHeader
{
    public const int SizeBytes = 64;

    /// <summary>Worker id, request or status.</summary>
    public const int MaxExtraSizeBytes = 4 << 20;

    /// <summary>Of the place of a slab, before all other extra bytes of a Reference.</summary>
    public const int PlaceSizeBytes = sizeof(long);

    private const int ChecksumOffset = 20;
    private const int AfterChecksumOffset = 24;
    private const int BlockIdOffset = 32;
    private const int OwnerOffset = 48;

    public SlabMessageKind Kind { get; init; }

    public SlabStatus Status { get; init; }

    public bool Transient { get; init; }

    public bool Copied { get; init; }

    public int ExtraSizeBytes { get; init; }

    public int SlabSizeBytes { get; init; }

    public int Layer { get; init; }

    /// <summary>Of a Taken: how many slabs.</summary>
    public int LayerCount { get; init; }

    public ulong Epoch { get; init; }

    public BlockId BlockId { get; init; }

    public BlockId Owner { get; init; }

    public void Write(Span<byte> destination)
    {
        destination[..SizeBytes].Clear();
        destination[0] = (byte)Kind;
        destination[1] = (byte)Status;
        destination[2] = Transient ? (byte)1 : (byte)0;
        destination[3] = Copied ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32LittleEndian(destination[4..], ExtraSizeBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[8..], SlabSizeBytes);
        BinaryPrimitives.WriteInt32LittleEndian(destination[12..], Layer);
        BinaryPrimitives.WriteInt32LittleEndian(destination[16..], LayerCount);
        BinaryPrimitives.WriteUInt64LittleEndian(destination[24..], Epoch);
        BlockId.Write(destination[BlockIdOffset..]);
        Owner.Write(destination[OwnerOffset..]);
        BinaryPrimitives.WriteUInt32LittleEndian(destination[ChecksumOffset..], Checksum(destination));
    }

    /// <exception cref="InvalidDataException">No message starts like this, or it is longer than messages may be.</exception>
    public static SlabMessageHeader Read(ReadOnlySpan<byte> source)
    {
        // First of all: a length that was damaged would have its reader wait for bytes that nobody sends.
        if (BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumOffset..]) != Checksum(source))
        {
            throw new InvalidDataException("no slab stream message, or its header was damaged on the way");
        }

        var header = new SlabMessageHeader
        {
            Kind = (SlabMessageKind)source[0],
            Status = (SlabStatus)source[1],
            Transient = source[2] != 0,
            Copied = source[3] != 0,
            ExtraSizeBytes = BinaryPrimitives.ReadInt32LittleEndian(source[4..]),
            SlabSizeBytes = BinaryPrimitives.ReadInt32LittleEndian(source[8..]),
            Layer = BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            LayerCount = BinaryPrimitives.ReadInt32LittleEndian(source[16..]),
            Epoch = BinaryPrimitives.ReadUInt64LittleEndian(source[24..]),
            BlockId = BlockId.Read(source[BlockIdOffset..]),
            Owner = BlockId.Read(source[OwnerOffset..]),
        };
        // All but frames leave the rest at 0.
        bool isKnown = header.Kind == SlabMessageKind.Frame
            || (header.Kind == SlabMessageKind.Reference && header is { SlabSizeBytes: > 0, ExtraSizeBytes: >= PlaceSizeBytes })
            || (header.Kind == SlabMessageKind.Taken && header.LayerCount > 0 && header == new SlabMessageHeader { Kind = header.Kind, LayerCount = header.LayerCount })
            || (header.Kind is SlabMessageKind.Get or SlabMessageKind.End or SlabMessageKind.Status
                && header == new SlabMessageHeader { Kind = header.Kind, ExtraSizeBytes = header.ExtraSizeBytes });
        return isKnown
            && header.ExtraSizeBytes is >= 0 and <= MaxExtraSizeBytes
            && header.SlabSizeBytes >= 0
            && header.SlabSizeBytes <= GrpcChannels.MaxMessageSizeBytes
            ? header
            : throw new InvalidDataException(
                $"no slab stream message: kind {(int)header.Kind}, {header.ExtraSizeBytes} extra bytes, a slab of {header.SlabSizeBytes} bytes");
    }

    /// <summary>The header of a frame that is sent with its slab after it.</summary>
    public static SlabMessageHeader Of(SlabFrame frame) => new()
    {
        Kind = SlabMessageKind.Frame,
        Status = frame.Status,
        Transient = frame.Transient,
        Copied = frame.Copied,
        SlabSizeBytes = frame.SlabBytes.Length,
        Layer = frame.Layer,
        LayerCount = frame.LayerCount,
        Epoch = frame.Epoch,
        BlockId = frame.BlockId,
        Owner = frame.Owner,
    };

    private static uint Checksum(ReadOnlySpan<byte> header) =>
        Crc32C.Append(Crc32C.Compute(header[..ChecksumOffset]), header[AfterChecksumOffset..SizeBytes]);
}
