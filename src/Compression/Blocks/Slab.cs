using System.Buffers.Binary;

namespace KvCluster.Compression.Blocks;

/// <summary>Reads and writes slabs: a header of 128 bytes, then the payload. Byte table: docs/slab-format.md.</summary>
public static class Slab
{
    /// <summary>Bytes before the payload; a multiple of 64, so that an aligned slab has an aligned payload.</summary>
    public const int HeaderSizeBytes = 128;

    /// <summary>The format version that this code writes, and the only one it reads.</summary>
    public const ushort Version = 1;

    private const uint Magic = 0x3142564B; // "KVB1", little-endian

    /// <summary>Bytes of the whole slab that <paramref name="header"/> describes.</summary>
    public static int SizeBytes(in SlabHeader header) => HeaderSizeBytes + header.PayloadSizeBytes;

    /// <summary>
    /// Writes the header and both checksums before a payload that is already in place at <see cref="HeaderSizeBytes"/>.
    /// </summary>
    /// <exception cref="ArgumentException">A field is out of range, or the slab's length is not header plus payload.</exception>
    public static void Write(Span<byte> slab, in SlabHeader header)
    {
        if (!HasValidShape(header) || header.Layout != SlabLayout.Rows || slab.Length != SizeBytes(header))
        {
            throw new ArgumentException($"A slab of {slab.Length} bytes can't have this header: {header}", nameof(header));
        }

        Span<byte> bytes = slab[..HeaderSizeBytes];
        bytes.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[SlabField.Version..], Version);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[SlabField.Layout..], (ushort)header.Layout);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[SlabField.ModelFingerprint..], header.ModelFingerprint);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[SlabField.CodecFingerprint..], header.CodecFingerprint);
        header.BlockId.Write(bytes[SlabField.BlockId..]);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.Layer..], header.Layer);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.FirstPosition..], header.FirstPosition);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.TokenCount..], header.TokenCount);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.KvHeadCount..], header.KvHeadCount);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.HeadSize..], header.HeadSize);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[SlabField.PayloadSize..], header.PayloadSizeBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[SlabField.WriterEpoch..], header.WriterEpoch);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[SlabField.PayloadChecksum..], Crc32C.Compute(slab[HeaderSizeBytes..]));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[SlabField.HeaderChecksum..], Crc32C.Compute(bytes[..SlabField.HeaderChecksum]));
    }

    /// <summary>
    /// Reads and checks the header alone, from the first <see cref="HeaderSizeBytes"/> bytes: for readers of a stream, which
    /// must know how much follows. The payload is not checked.
    /// </summary>
    public static SlabError TryReadHeader(ReadOnlySpan<byte> slab, out SlabHeader header)
    {
        header = default;
        if (slab.Length < HeaderSizeBytes)
        {
            return SlabError.Truncated;
        }

        ReadOnlySpan<byte> bytes = slab[..HeaderSizeBytes];
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
        {
            return SlabError.BadMagic;
        }

        if (BinaryPrimitives.ReadUInt16LittleEndian(bytes[SlabField.Version..]) != Version)
        {
            return SlabError.UnknownVersion;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[SlabField.HeaderChecksum..]) != Crc32C.Compute(bytes[..SlabField.HeaderChecksum]))
        {
            return SlabError.HeaderChecksum;
        }

        SlabHeader read = ReadFields(bytes);
        if (read.Layout != SlabLayout.Rows)
        {
            return SlabError.UnknownLayout;
        }

        if (bytes[SlabField.Reserved..SlabField.HeaderChecksum].ContainsAnyExcept((byte)0))
        {
            return SlabError.UnknownVersion;
        }

        if (!HasValidShape(read))
        {
            return SlabError.WrongGeometry;
        }

        header = read;
        return SlabError.None;
    }

    /// <summary>
    /// Reads the header and checks structure, header and payload of a whole slab. <paramref name="header"/> is only set when the
    /// answer is <see cref="SlabError.None"/>. Bytes after the payload are <see cref="SlabError.MalformedPayload"/>.
    /// </summary>
    public static SlabError TryRead(ReadOnlySpan<byte> slab, out SlabHeader header)
    {
        SlabError error = TryReadHeader(slab, out header);
        if (error != SlabError.None)
        {
            return error;
        }

        error = CheckPayload(slab, header);
        if (error != SlabError.None)
        {
            header = default;
        }

        return error;
    }

    /// <summary><see cref="TryRead"/>, and the slab is the one that <paramref name="expected"/> describes.</summary>
    public static SlabError Verify(ReadOnlySpan<byte> slab, in SlabExpectation expected, out SlabHeader header)
    {
        SlabError error = TryRead(slab, out header);
        return error == SlabError.None ? expected.Compare(header) : error;
    }

    /// <summary>The payload of a slab whose header was read.</summary>
    public static ReadOnlySpan<byte> Payload(ReadOnlySpan<byte> slab, in SlabHeader header) =>
        slab.Slice(HeaderSizeBytes, header.PayloadSizeBytes);

    private static SlabError CheckPayload(ReadOnlySpan<byte> slab, in SlabHeader header)
    {
        int size = slab.Length - HeaderSizeBytes;
        if (size != header.PayloadSizeBytes)
        {
            return size < header.PayloadSizeBytes ? SlabError.Truncated : SlabError.MalformedPayload;
        }

        uint stored = BinaryPrimitives.ReadUInt32LittleEndian(slab[SlabField.PayloadChecksum..]);
        return stored == Crc32C.Compute(slab[HeaderSizeBytes..]) ? SlabError.None : SlabError.PayloadChecksum;
    }

    private static SlabHeader ReadFields(ReadOnlySpan<byte> bytes) => new()
    {
        Layout = (SlabLayout)BinaryPrimitives.ReadUInt16LittleEndian(bytes[SlabField.Layout..]),
        ModelFingerprint = BinaryPrimitives.ReadUInt64LittleEndian(bytes[SlabField.ModelFingerprint..]),
        CodecFingerprint = BinaryPrimitives.ReadUInt64LittleEndian(bytes[SlabField.CodecFingerprint..]),
        BlockId = BlockId.Read(bytes[SlabField.BlockId..]),
        Layer = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.Layer..]),
        FirstPosition = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.FirstPosition..]),
        TokenCount = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.TokenCount..]),
        KvHeadCount = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.KvHeadCount..]),
        HeadSize = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.HeadSize..]),
        PayloadSizeBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[SlabField.PayloadSize..]),
        WriterEpoch = BinaryPrimitives.ReadUInt64LittleEndian(bytes[SlabField.WriterEpoch..]),
    };

    private static bool HasValidShape(in SlabHeader header) =>
        header is { Layer: >= 0, FirstPosition: >= 0, KvHeadCount: > 0, HeadSize: > 0 }
        && header.TokenCount is > 0 and <= KvGeometry.BlockTokenCount
        && header.PayloadSizeBytes is >= 0 and <= int.MaxValue - HeaderSizeBytes;
}
