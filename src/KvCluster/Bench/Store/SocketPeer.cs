using System.Net;
using System.Net.Sockets;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>Bytes from one side of a loopback connection to the other, with nothing around them: what the kernel allows.</summary>
internal sealed class SocketPeer : IDisposable
{
    private readonly Socket _sender;
    private readonly Socket _receiver;

    private SocketPeer(Socket sender, Socket receiver)
    {
        _sender = sender;
        _receiver = receiver;
    }

    public static async Task<SocketPeer> ConnectAsync(CancellationToken cancellationToken)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await sender.ConnectAsync(listener.LocalEndPoint!, cancellationToken);
        return new SocketPeer(sender, await listener.AcceptAsync(cancellationToken));
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
