using System.Buffers;
using Grpc.Core;

namespace Grpc.Wire;

/// <summary>One frame in a rented array that is used again for the next: five bytes left free for the header, then the payload.</summary>
internal sealed class FrameBuffer : SerializationContext, IBufferWriter<byte>
{
    private const int SmallestRent = 1024;

    private byte[] _array = [];
    private int _end = WireNames.FrameHeaderSize;
    private bool _completed;

    public int PayloadLength => _end - WireNames.FrameHeaderSize;

    /// <summary>Header and payload; valid until the next <see cref="Reset"/> or <see cref="Release"/>.</summary>
    public ReadOnlyMemory<byte> Frame => _array.AsMemory(0, _end);

    public ReadOnlyMemory<byte> Payload =>
        PayloadLength == 0 ? default : _array.AsMemory(WireNames.FrameHeaderSize, PayloadLength);

    public void Reset()
    {
        _end = WireNames.FrameHeaderSize;
        _completed = false;
    }

    /// <summary>Hands the array back; the next write rents a new one.</summary>
    public void Release()
    {
        var array = _array;
        _array = [];
        Reset();
        if (array.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }

    /// <summary>Serializes one message and writes its header as uncompressed.</summary>
    /// <exception cref="RpcException">The message is over <paramref name="maxSize"/>.</exception>
    public void Fill<T>(T message, Action<T, SerializationContext> serializer, int? maxSize)
    {
        Reset();
        serializer(message, this);
        if (!_completed)
        {
            throw new InvalidOperationException("The serializer returned without completing its context.");
        }

        if (maxSize is { } limit && PayloadLength > limit)
        {
            throw new RpcException(MessageStatus.SentTooLarge(PayloadLength, limit));
        }

        Seal(isCompressed: false);
    }

    public void Seal(bool isCompressed)
    {
        Reserve(0);
        FrameHeader.Write(_array, isCompressed, PayloadLength);
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        Reset();
        Reserve(payload.Length);
        payload.CopyTo(_array.AsSpan(_end));
        _end += payload.Length;
        _completed = true;
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        Reserve(payloadLength);
    }

    public override IBufferWriter<byte> GetBufferWriter() => this;

    public override void Complete() => _completed = true;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Math.Max(0, _array.Length - _end));
        _end += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _array.AsMemory(_end);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _array.AsSpan(_end);
    }

    private void Reserve(int count)
    {
        var needed = (long)_end + count;
        if (needed <= _array.Length)
        {
            return;
        }

        if (needed > Array.MaxLength)
        {
            throw new InvalidOperationException($"A message of {needed} bytes does not fit into one frame.");
        }

        var size = (int)Math.Min(Math.Max(needed, Math.Max(2L * _array.Length, SmallestRent)), Array.MaxLength);
        var larger = ArrayPool<byte>.Shared.Rent(size);
        if (_array.Length > 0)
        {
            _array.AsSpan(0, _end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_array);
        }

        _array = larger;
    }
}
