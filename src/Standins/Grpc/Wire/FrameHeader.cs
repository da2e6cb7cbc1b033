using System.Buffers;
using System.Buffers.Binary;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>The five bytes before a message.</summary>
internal readonly record struct FrameHeader(bool IsCompressed, int PayloadLength)
{
    public static void Write(Span<byte> target, bool isCompressed, int payloadLength)
    {
        target[0] = isCompressed ? (byte)1 : (byte)0;
        BinaryPrimitives.WriteInt32BigEndian(target[1..], payloadLength);
    }

    /// <exception cref="RpcException">The flag is unknown or the length is over <paramref name="maxSize"/>.</exception>
    public static FrameHeader Read(ReadOnlySpan<byte> source, int? maxSize)
    {
        if (source[0] > 1)
        {
            throw new RpcException(MessageStatus.BadFlag);
        }

        var length = BinaryPrimitives.ReadUInt32BigEndian(source[1..]);
        var limit = maxSize ?? Array.MaxLength - WireNames.FrameHeaderSize;
        return length <= (uint)limit
            ? new FrameHeader(source[0] == 1, (int)length)
            : throw new RpcException(MessageStatus.ReceivedTooLarge(limit));
    }

    public static bool TryRead(in ReadOnlySequence<byte> source, int? maxSize, out FrameHeader header)
    {
        header = default;
        if (source.Length < WireNames.FrameHeaderSize)
        {
            return false;
        }

        if (source.FirstSpan.Length >= WireNames.FrameHeaderSize)
        {
            header = Read(source.FirstSpan[..WireNames.FrameHeaderSize], maxSize);
            return true;
        }

        Span<byte> bytes = stackalloc byte[WireNames.FrameHeaderSize];
        source.Slice(0, WireNames.FrameHeaderSize).CopyTo(bytes);
        header = Read(bytes, maxSize);
        return true;
    }
}
