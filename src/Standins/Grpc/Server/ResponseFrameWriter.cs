using System.Buffers;
using System.IO.Pipelines;
using Grpc.Core;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>
/// Serializes messages into the response. When the serializer announces the length it writes straight into the pipe behind its
/// header; else, and for compression, through a rented buffer.
/// </summary>
internal sealed class ResponseFrameWriter(PipeWriter body, ServiceSettings settings) : SerializationContext, IBufferWriter<byte>
{
    private const int LargestChunk = 512 * 1024;

    private FrameBuffer? _buffer;
    private FrameBuffer? _packed;
    private bool _compress;
    private bool _completed;
    private bool _direct;
    private int _announced;
    private int _written;

    /// <summary>Null sends messages as they are.</summary>
    public ICompressionProvider? Compression { get; set; }

    /// <summary>A serializer failed after it had put part of its message into the pipe.</summary>
    public bool IsBroken { get; private set; }

    public void Write<T>(T message, Action<T, SerializationContext> serializer, bool isCompressible)
    {
        _compress = isCompressible && Compression is not null;
        _completed = _direct = false;
        _announced = -1;
        _written = 0;
        _buffer?.Reset();
        try
        {
            serializer(message, this);
            if (!_completed)
            {
                throw new InvalidOperationException("The serializer returned without completing its context.");
            }
        }
        catch when (_direct)
        {
            IsBroken = true;
            throw;
        }
    }

    /// <summary>Hands rented buffers back, at the end of the call.</summary>
    public void Release()
    {
        _buffer?.Release();
        _packed?.Release();
    }

    public override void SetPayloadLength(int payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        CheckSize(payloadLength);
        _announced = payloadLength;
    }

    public override IBufferWriter<byte> GetBufferWriter()
    {
        if (_compress || _announced < 0)
        {
            _buffer ??= new FrameBuffer();
            if (_announced > 0)
            {
                _buffer.SetPayloadLength(_announced);
            }

            return _buffer;
        }

        if (!_direct)
        {
            _direct = true;
            PutHeader(_announced);
        }

        return this;
    }

    public override void Complete(byte[] payload)
    {
        ArgumentNullException.ThrowIfNull(payload);
        CheckSize(payload.Length);
        if (_compress && payload.Length > 0)
        {
            PutCompressed(payload);
        }
        else
        {
            PutHeader(payload.Length);
            body.Write(payload);
        }

        _completed = true;
    }

    public override void Complete()
    {
        var written = _direct ? _written : _buffer?.PayloadLength ?? 0;
        if (_announced >= 0 && written != _announced)
        {
            throw new InvalidOperationException($"The serializer announced {_announced} bytes and wrote {written}.");
        }

        if (!_direct)
        {
            CheckSize(written);
            PutBuffer(written);
        }

        _completed = true;
    }

    public void Advance(int count)
    {
        _written += count;
        body.Advance(count);
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => body.GetMemory(Chunk(sizeHint));

    public Span<byte> GetSpan(int sizeHint = 0) => body.GetSpan(Chunk(sizeHint));

    /// <summary>A pipe gives 4 KiB blocks unless asked for more; the announced length says how much will be needed.</summary>
    private int Chunk(int sizeHint) => Math.Max(sizeHint, Math.Clamp(_announced - _written, 0, LargestChunk));

    private void PutBuffer(int written)
    {
        if (written == 0)
        {
            // Never compressed: nothing packed is still nothing in .NET, which peers take for a truncated gzip stream.
            PutHeader(0);
        }
        else if (_compress)
        {
            PutCompressed(_buffer!.Payload.Span);
        }
        else
        {
            _buffer!.Seal(isCompressed: false);
            body.Write(_buffer.Frame.Span);
        }
    }

    private void PutHeader(int payloadLength)
    {
        FrameHeader.Write(body.GetSpan(WireNames.FrameHeaderSize), isCompressed: false, payloadLength);
        body.Advance(WireNames.FrameHeaderSize);
    }

    private void PutCompressed(ReadOnlySpan<byte> payload)
    {
        _packed ??= new FrameBuffer();
        _packed.Reset();
        using (var target = Compression!.CreateCompressionStream(new FrameBufferStream(_packed), settings.ResponseCompressionLevel))
        {
            target.Write(payload);
        }

        _packed.Seal(isCompressed: true);
        body.Write(_packed.Frame.Span);
    }

    private void CheckSize(int payloadLength)
    {
        if (settings.MaxSendMessageSize is { } limit && payloadLength > limit)
        {
            throw new RpcException(MessageStatus.SentTooLarge(payloadLength, limit));
        }
    }
}
