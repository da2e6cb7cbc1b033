using Grpc.Core;
using KvCluster.Protocol.Streams;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>The frames of a Put over a slab stream, up to its End.</summary>
internal sealed class SlabFrameReader(SlabSocket socket, SlabMessage first) : IAsyncStreamReader<Protocol.SlabFrame>, IDisposable
{
    private SlabMessage? _first = first;

    public Protocol.SlabFrame Current { get; private set; } = null!;

    /// <summary>Whether the End came, so that the next message begins another call.</summary>
    public bool HasEnded { get; private set; }

    /// <exception cref="IOException">The writer went away before the End.</exception>
    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        SlabMessage message = TakeFirst() ?? await socket.ReceiveAsync(cancellationToken) ?? throw new IOException("the writer went away");
        switch (message.Kind)
        {
            case SlabMessageKind.Frame:
                Current = message.ToFrame();
                return true;
            case SlabMessageKind.End:
                HasEnded = true;
                return false;
            default:
                throw new InvalidDataException($"a client sent {message.Kind} in a Put");
        }
    }

    public void Dispose() => TakeFirst()?.Slab?.Dispose();

    private SlabMessage? TakeFirst()
    {
        SlabMessage? message = _first;
        _first = null;
        return message;
    }
}
