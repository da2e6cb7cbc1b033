using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>The frame of a request message in a rented buffer that serves all messages of the call.</summary>
internal sealed class RequestFrame(ClientCall call)
{
    private readonly FrameBuffer _plain = new();
    private FrameBuffer? _packed;
    private bool _isPacked;

    public ReadOnlyMemory<byte> Bytes => _isPacked ? _packed!.Frame : _plain.Frame;

    public void Fill<T>(T message, Action<T, SerializationContext> serializer, WriteOptions? writeOptions)
    {
        _plain.Fill(message, serializer, call.Channel.Options.MaxSendMessageSize);

        // Nothing packed is still nothing in .NET, which peers take for a truncated gzip stream.
        _isPacked = call.Compression is not null && _plain.PayloadLength > 0
            && ((writeOptions?.Flags ?? default) & WriteFlags.NoCompress) == 0;
        if (_isPacked)
        {
            _packed ??= new FrameBuffer();
            _packed.Reset();
            using (var target = call.Compression!.CreateCompressionStream(new FrameBufferStream(_packed), null))
            {
                target.Write(_plain.Payload.Span);
            }

            _packed.Seal(isCompressed: true);
        }
    }

    public void Release()
    {
        _plain.Release();
        _packed?.Release();
    }
}
