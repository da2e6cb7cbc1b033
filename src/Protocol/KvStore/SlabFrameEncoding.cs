using System.Buffers;
using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol;

/// <summary>
/// Writes the protobuf wire format of SlabFrame: fields in ascending order, those at their default left out, so the bytes are
/// those of the generated message.
/// </summary>
internal static class SlabFrameEncoding
{
    public const int BlockIdField = 1;
    public const int LayerField = 2;
    public const int LayerCountField = 3;
    public const int SlabField = 4;
    public const int StatusField = 5;
    public const int WorkerIdField = 6;
    public const int EpochField = 7;
    public const int TransientField = 8;
    public const int CopiedField = 9;
    public const int OwnerField = 10;

    public const int VarintWireType = 0;
    public const int Fixed64WireType = 1;
    public const int LengthWireType = 2;
    public const int Fixed32WireType = 5;

    private const int MaxVarintSizeBytes = 10;

    public static int SizeBytes(SlabFrame frame)
    {
        int slabSizeBytes = frame.SlabBytes.Length;
        int workerIdSizeBytes = Encoding.UTF8.GetByteCount(frame.WorkerId);
        return 2 + BlockId.SizeBytes
            + ScalarSizeBytes(SignExtended(frame.Layer))
            + ScalarSizeBytes(SignExtended(frame.LayerCount))
            + LengthSizeBytes(slabSizeBytes)
            + ScalarSizeBytes(SignExtended((int)frame.Status))
            + LengthSizeBytes(workerIdSizeBytes)
            + ScalarSizeBytes(frame.Epoch)
            + (frame.Transient ? 2 : 0)
            + (frame.Copied ? 2 : 0)
            + (frame.Owner == default ? 0 : 2 + BlockId.SizeBytes);
    }

    public static void Write(SlabFrame frame, IBufferWriter<byte> output)
    {
        ReadOnlySpan<byte> slab = frame.SlabBytes;
        Span<byte> head = output.GetSpan(2 + BlockId.SizeBytes + 3 * (1 + MaxVarintSizeBytes));
        head[0] = Tag(BlockIdField, LengthWireType);
        head[1] = BlockId.SizeBytes;
        frame.BlockId.Write(head[2..]);
        int length = 2 + BlockId.SizeBytes;
        length += WriteScalar(head[length..], LayerField, SignExtended(frame.Layer));
        length += WriteScalar(head[length..], LayerCountField, SignExtended(frame.LayerCount));
        length += WriteLength(head[length..], SlabField, slab.Length);
        output.Advance(length);
        output.Write(slab);
        WriteRest(frame, output);
    }

    private static void WriteRest(SlabFrame frame, IBufferWriter<byte> output)
    {
        int workerIdSizeBytes = Encoding.UTF8.GetByteCount(frame.WorkerId);
        Span<byte> rest = output.GetSpan(workerIdSizeBytes + 3 * (1 + MaxVarintSizeBytes) + 6 + BlockId.SizeBytes);
        int length = WriteScalar(rest, StatusField, SignExtended((int)frame.Status));
        length += WriteLength(rest[length..], WorkerIdField, workerIdSizeBytes);
        length += Encoding.UTF8.GetBytes(frame.WorkerId, rest[length..]);
        length += WriteScalar(rest[length..], EpochField, frame.Epoch);
        length += WriteScalar(rest[length..], TransientField, frame.Transient ? 1UL : 0UL);
        length += WriteScalar(rest[length..], CopiedField, frame.Copied ? 1UL : 0UL);
        length += WriteOwner(rest[length..], frame.Owner);
        output.Advance(length);
    }

    private static int WriteOwner(Span<byte> destination, BlockId owner)
    {
        if (owner == default)
        {
            return 0;
        }

        destination[0] = Tag(OwnerField, LengthWireType);
        destination[1] = BlockId.SizeBytes;
        owner.Write(destination[2..]);
        return 2 + BlockId.SizeBytes;
    }

    private static ulong SignExtended(int value) => (ulong)(long)value;

    private static byte Tag(int field, int wireType) => (byte)((field << 3) | wireType);

    private static int ScalarSizeBytes(ulong value) => value == 0 ? 0 : 1 + VarintSizeBytes(value);

    private static int LengthSizeBytes(int length) => length == 0 ? 0 : 1 + VarintSizeBytes((ulong)length) + length;

    private static int VarintSizeBytes(ulong value) => (63 - (int)ulong.LeadingZeroCount(value | 1)) / 7 + 1;

    private static int WriteScalar(Span<byte> destination, int field, ulong value) =>
        value == 0 ? 0 : WriteTagged(destination, Tag(field, VarintWireType), value);

    private static int WriteLength(Span<byte> destination, int field, int length) =>
        length == 0 ? 0 : WriteTagged(destination, Tag(field, LengthWireType), (ulong)length);

    private static int WriteTagged(Span<byte> destination, byte tag, ulong value)
    {
        destination[0] = tag;
        int length = 1;
        for (; value >= 0x80; value >>= 7)
        {
            destination[length++] = (byte)(value | 0x80);
        }

        destination[length++] = (byte)value;
        return length;
    }
}
