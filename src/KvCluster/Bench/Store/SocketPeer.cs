using System.Net;
using System.Net.Sockets;
using KvCluster.Protocol.Streams;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>Bytes from one side of a connection within this machine to the other, with nothing around them: what the kernel allows.</summary>
internal sealed class SocketPeer : IDisposable
{
    private readonly Socket _sender;
    private readonly Socket _receiver;

    private SocketPeer(Socket sender, Socket receiver)
    {
        _sender = sender;
        _receiver = receiver;
    }

    /// <param name="isLocal">Over a Unix socket, with the buffers of slab streams, and not over TCP.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<SocketPeer> ConnectAsync(bool isLocal, CancellationToken cancellationToken)
    {
        using Socket listener = Create();
        string path = Path.Combine(Path.GetTempPath(), $"kvcluster-{Path.GetRandomFileName()}");
        listener.Bind(isLocal ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        Socket sender = Create();
        await sender.ConnectAsync(listener.LocalEndPoint!, cancellationToken);
        return new SocketPeer(sender, await listener.AcceptAsync(cancellationToken));

        Socket Create() => isLocal ? LocalSlabSocket.Create() : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    }

    /// <summary>Sends every block and returns when the other side has all of them and has said so.</summary>
    public async Task CopyAsync(IReadOnlyList<ReadOnlyMemory<byte>> blocks, CancellationToken cancellationToken)
    {
        long total = blocks.Sum(block => (long)block.Length);
        Task receiving = Task.Run(() => ReceiveAsync(total, blocks.Max(block => block.Length), cancellationToken), cancellationToken);
        foreach (ReadOnlyMemory<byte> block in blocks)
        {
            for (int sent = 0; sent < block.Length;)
            {
                sent += await _sender.SendAsync(block[sent..], cancellationToken);
            }
        }

        var answer = new byte[1];
        await _sender.ReceiveAsync(answer, cancellationToken);
        await receiving;
    }

    public void Dispose()
    {
        _sender.Dispose();
        _receiver.Dispose();
    }

    private async Task ReceiveAsync(long total, int blockSizeBytes, CancellationToken cancellationToken)
    {
        var buffer = new byte[blockSizeBytes];
        for (long received = 0; received < total;)
        {
            int count = await _receiver.ReceiveAsync(buffer, cancellationToken);
            received += count > 0 ? count : throw new IOException("the connection ended early");
        }

        await _receiver.SendAsync(new byte[1], cancellationToken);
    }
}
