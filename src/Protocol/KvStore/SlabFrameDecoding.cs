using System.Buffers;
using System.Text;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol;

/// <summary>Reads the protobuf wire format of SlabFrame; fields in any order, unknown ones skipped, of repeated ones the last.</summary>
internal static class SlabFrameDecoding
{
    /// <exception cref="RpcException">INVALID_ARGUMENT that says what is wrong; nothing stays rented.</exception>
    public static SlabFrame Read(ReadOnlySequence<byte> message, SlabPool pool)
    {
        var fields = default(Fields);
        try
        {
            var reader = new SequenceReader<byte>(message);
            while (!reader.End)
            {
                ReadField(ref reader, ref fields, pool);
            }

            if (!fields.HasBlockId)
            {
                throw Malformed($"block_id must be {BlockId.SizeBytes} bytes, not 0");
            }
        }
        catch
        {
            fields.Slab?.Dispose();
            throw;
        }

        return new SlabFrame(fields.BlockId, fields.Layer, fields.LayerCount, fields.Slab)
        {
            Status = fields.Status,
            WorkerId = fields.WorkerId ?? "",
            Epoch = fields.Epoch,
            Transient = fields.Transient,
            Copied = fields.Copied,
            Owner = fields.Owner,
        };
    }

    private static void ReadField(ref SequenceReader<byte> reader, ref Fields fields, SlabPool pool)
    {
        ulong tag = ReadVarint(ref reader);
        switch (tag)
        {
            case (SlabFrameEncoding.BlockIdField << 3) | SlabFrameEncoding.LengthWireType:
                fields.BlockId = ReadBlockId(ReadBytes(ref reader));
                fields.HasBlockId = true;
                break;
            case (SlabFrameEncoding.LayerField << 3) | SlabFrameEncoding.VarintWireType:
                fields.Layer = (int)ReadVarint(ref reader);
                break;
            case (SlabFrameEncoding.LayerCountField << 3) | SlabFrameEncoding.VarintWireType:
                fields.LayerCount = (int)ReadVarint(ref reader);
                break;
            case (SlabFrameEncoding.SlabField << 3) | SlabFrameEncoding.LengthWireType:
                ReadOnlySequence<byte> slab = ReadBytes(ref reader);
                fields.Slab?.Dispose();
                fields.Slab = null;
                fields.Slab = Copy(slab, pool);
                break;
            case (SlabFrameEncoding.StatusField << 3) | SlabFrameEncoding.VarintWireType:
                fields.Status = (SlabStatus)(int)ReadVarint(ref reader);
                break;
            case (SlabFrameEncoding.WorkerIdField << 3) | SlabFrameEncoding.LengthWireType:
                fields.WorkerId = Encoding.UTF8.GetString(ReadBytes(ref reader));
                break;
            case (SlabFrameEncoding.EpochField << 3) | SlabFrameEncoding.VarintWireType:
                fields.Epoch = ReadVarint(ref reader);
                break;
            case (SlabFrameEncoding.TransientField << 3) | SlabFrameEncoding.VarintWireType:
                fields.Transient = ReadVarint(ref reader) != 0;
                break;
            case (SlabFrameEncoding.CopiedField << 3) | SlabFrameEncoding.VarintWireType:
                fields.Copied = ReadVarint(ref reader) != 0;
                break;
            case (SlabFrameEncoding.OwnerField << 3) | SlabFrameEncoding.LengthWireType:
                fields.Owner = ReadOwner(ReadBytes(ref reader));
                break;
            default:
                Skip(ref reader, tag);
                break;
        }
    }

    private static SlabLease? Copy(ReadOnlySequence<byte> slab, SlabPool pool)
    {
        if (slab.IsEmpty)
        {
            return null;
        }

        SlabLease lease = pool.Rent((int)slab.Length);
        slab.CopyTo(lease.Span);
        return lease;
    }

    private static BlockId ReadOwner(ReadOnlySequence<byte> bytes) => bytes.IsEmpty ? default : ReadId(bytes, "owner");

    private static BlockId ReadBlockId(ReadOnlySequence<byte> bytes) => ReadId(bytes, "block_id");

    private static BlockId ReadId(ReadOnlySequence<byte> bytes, string field)
    {
        if (bytes.Length != BlockId.SizeBytes)
        {
            throw Malformed($"{field} must be {BlockId.SizeBytes} bytes, not {bytes.Length}");
        }

        Span<byte> id = stackalloc byte[BlockId.SizeBytes];
        bytes.CopyTo(id);
        return BlockId.Read(id);
    }

    private static ReadOnlySequence<byte> ReadBytes(ref SequenceReader<byte> reader)
    {
        ulong length = ReadVarint(ref reader);
        if (length > (ulong)reader.Remaining || !reader.TryReadExact((int)length, out ReadOnlySequence<byte> bytes))
        {
            throw Malformed("the message ends within a field");
        }

        return bytes;
    }

    private static ulong ReadVarint(ref SequenceReader<byte> reader)
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (!reader.TryRead(out byte next))
            {
                throw Malformed("the message ends within a number");
            }

            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed("a number is longer than 10 bytes");
    }

    private static void Skip(ref SequenceReader<byte> reader, ulong tag)
    {
        switch ((int)(tag & 7))
        {
            case SlabFrameEncoding.VarintWireType:
                _ = ReadVarint(ref reader);
                break;
            case SlabFrameEncoding.LengthWireType:
                _ = ReadBytes(ref reader);
                break;
            case SlabFrameEncoding.Fixed64WireType when reader.Remaining >= sizeof(ulong):
                reader.Advance(sizeof(ulong));
                break;
            case SlabFrameEncoding.Fixed32WireType when reader.Remaining >= sizeof(uint):
                reader.Advance(sizeof(uint));
                break;
            default:
                throw Malformed($"the tag {tag} has a wire type that proto3 does not use, or the message ends within its field");
        }
    }

    private static RpcException Malformed(string reason) => new(new Status(StatusCode.InvalidArgument, $"SlabFrame: {reason}"));

    private struct Fields
    {
        public BlockId BlockId;
        public bool HasBlockId;
        public int Layer;
        public int LayerCount;
        public SlabLease? Slab;
        public SlabStatus Status;
        public string? WorkerId;
        public ulong Epoch;
        public bool Transient;
        public bool Copied;
        public BlockId Owner;
    }
}
