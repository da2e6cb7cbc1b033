using System.Net.Sockets;
using Grpc.Core;
using KvCluster.Protocol.Streams;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>The frames of a Get over a slab stream.</summary>
internal sealed class SlabFrameWriter(SlabSocket socket) : IServerStreamWriter<Protocol.SlabFrame>
{
    public WriteOptions? WriteOptions { get; set; }

    /// <exception cref="SocketException">The reader is gone.</exception>
    public Task WriteAsync(Protocol.SlabFrame message) => WriteAsync(message, CancellationToken.None);

    public Task WriteAsync(Protocol.SlabFrame message, CancellationToken cancellationToken) =>
        socket.SendAsync(message, isFirst: false, cancellationToken).AsTask();
}
