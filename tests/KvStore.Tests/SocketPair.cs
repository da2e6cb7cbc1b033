using System.Net.Sockets;
using System.Runtime.Versioning;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Streams;

namespace KvCluster.KvStore.Tests;

/// <summary>Both ends of a Unix socket in this process, which lend each other its slab memory.</summary>
internal sealed class SocketPair : IDisposable
{
    private SocketPair(Socket left, Socket right, SlabTraffic traffic)
    {
        (LeftSocket, RightSocket, Traffic) = (left, right, traffic);
        (Left, Right) = (new SlabSocket(left, traffic), new SlabSocket(right));
    }

    public SlabSocket Left { get; }

    public SlabSocket Right { get; }

    public Socket LeftSocket { get; }

    public Socket RightSocket { get; }

    /// <summary>What the left one lends and borrows.</summary>
    public SlabTraffic Traffic { get; }

    public static ReadOnlyMemory<byte> Id { get; } = new byte[LocalSlabSocket.IdSizeBytes];

    [SupportedOSPlatform("linux")]
    public static async Task<SocketPair> CreateAsync(bool areGreeted = true)
    {
        Assert.NotNull(SlabPool.Shared.TryShareMemory());

        // Tests before this one have left memory that can't be lent.
        SlabPool.Shared.Trim();
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        using Socket listener = LocalSlabSocket.Create();
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        Socket left = LocalSlabSocket.Create();
        await left.ConnectAsync(new UnixDomainSocketEndPoint(path)).Soon();
        var pair = new SocketPair(left, await listener.AcceptAsync().Soon(), new SlabTraffic());
        File.Delete(path);
        if (areGreeted)
        {
            await Task.WhenAll(pair.Left.GreetAsync(Id, default), pair.Right.GreetAsync(Id, default)).Soon();
            Assert.True(pair.Left is { CanLend: true, CanBorrow: true } && pair.Right is { CanLend: true, CanBorrow: true });
        }

        return pair;
    }

    /// <summary>A frame whose slab is random bytes.</summary>
    public static Protocol.SlabFrame Frame(int sizeBytes, int layer, out byte[] content)
    {
        SlabLease slab = SlabPool.Shared.Rent(sizeBytes);
        new Random(layer).NextBytes(slab.Span);
        content = slab.Span.ToArray();
        return new Protocol.SlabFrame(TestSlabs.Id(1), layer, 1 << 20, slab) { WorkerId = "prefill-0", Epoch = TestSlabs.Epoch };
    }

    public void Dispose()
    {
        Left.Dispose();
        Right.Dispose();
    }
}
