using System.Buffers;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>
/// Takes messages out of a response body. One rented buffer holds [start, end) of what has been received; payloads are
/// deserialized where they lie in it.
/// </summary>
internal sealed class ResponseFrames(Stream body, string? encoding, GrpcChannel channel)
{
    private const int FirstRent = 16 * 1024;
    private const int LargestTrustedRent = 4 * 1024 * 1024;

    private readonly ReceivedPayload _payload = new();
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private FrameBuffer? _unpacked;

    /// <summary>Null at the end of the stream. Not to be called again while a call is pending.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<T?> ReadAsync<T>(Func<DeserializationContext, T> deserializer, CancellationToken cancellationToken)
        where T : class
    {
        if (!await FillAsync(WireNames.FrameHeaderSize, cancellationToken))
        {
            return _start == _end ? null : throw new RpcException(MessageStatus.Truncated);
        }

        var header = FrameHeader.Read(_buffer.AsSpan(_start, WireNames.FrameHeaderSize), channel.Options.MaxReceiveMessageSize);
        if (!await FillAsync(WireNames.FrameHeaderSize + header.PayloadLength, cancellationToken))
        {
            throw new RpcException(MessageStatus.Truncated);
        }

        var payload = new ReadOnlySequence<byte>(_buffer, _start + WireNames.FrameHeaderSize, header.PayloadLength);
        var message = header.IsCompressed ? Unpack(payload, deserializer) : _payload.Deserialize(payload, deserializer);
        _start += WireNames.FrameHeaderSize + header.PayloadLength;
        return message;
    }

    /// <summary>Hands rented buffers back. Not to be called while a read is pending.</summary>
    public void Release()
    {
        var buffer = _buffer;
        _buffer = [];
        _start = _end = 0;
        if (buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        _unpacked?.Release();
    }

    private T Unpack<T>(in ReadOnlySequence<byte> payload, Func<DeserializationContext, T> deserializer)
    {
        _unpacked ??= new FrameBuffer();
        _unpacked.Reset();
        using var source = new SequenceStream(payload);
        channel.Encodings.Decompress(encoding, source, _unpacked, channel.Options.MaxReceiveMessageSize);
        return _payload.Deserialize(new ReadOnlySequence<byte>(_unpacked.Payload), deserializer);
    }

    /// <summary>Receives until <paramref name="count"/> bytes are there; false when the stream ends before.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<bool> FillAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            MakeRoom(count);

            // Of a large payload no more than the rest is read, so that the next frame starts at the front of the buffer.
            var wanted = Math.Min(Math.Max(count - (_end - _start), FirstRent), _buffer.Length - _end);
            var read = await body.ReadAsync(_buffer.AsMemory(_end, wanted), cancellationToken);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }

    private void MakeRoom(int count)
    {
        if (_start == _end)
        {
            _start = _end = 0;
        }

        if (_buffer.Length - _start >= count && _end < _buffer.Length)
        {
            return;
        }

        // A length that nothing backs up yet is not trusted with more than 4 MiB, or twice what has arrived.
        var size = Math.Min(count, Math.Max(LargestTrustedRent, 2L * (_end - _start)));
        if (_buffer.Length >= size)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        }
        else
        {
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(size, FirstRent));
            _buffer.AsSpan(_start, _end - _start).CopyTo(larger);
            if (_buffer.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
            }

            _buffer = larger;
        }

        _end -= _start;
        _start = 0;
    }
}
