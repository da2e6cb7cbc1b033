using System.Net;
using System.Net.Sockets;
using KvCluster.Protocol.Streams;

namespace KvCluster.KvStore.Tests;

/// <summary>A shard whose slab streams a test serves by hand, and a client that is connected to it.</summary>
internal sealed class PosedShard : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly TestStore _store;

    private PosedShard(TcpListener listener, TestStore store, SlabStreamInvoker streams, Socket socket)
    {
        (_listener, _store, Streams, Socket) = (listener, store, streams, socket);
        Server = new SlabSocket(socket);
    }

    /// <summary>The client's calls.</summary>
    public SlabStreamInvoker Streams { get; }

    /// <summary>The test's end of the connection.</summary>
    public SlabSocket Server { get; }

    /// <summary>The same, for bytes that are no message.</summary>
    public Socket Socket { get; }

    public static async Task<PosedShard> StartAsync()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        TestStore store = await TestStore.StartAsync(
            listenAddress: "http://127.0.0.1:0", configure: options => options.AdvertisedSlabPort = ((IPEndPoint)listener.LocalEndpoint).Port);
        var streams = new SlabStreamInvoker(new UnaryOnlyInvoker(store.Client), store.Addresses[0]);
        Task connecting = streams.ConnectAsync();
        var posed = new PosedShard(listener, store, streams, await listener.AcceptSocketAsync().Soon());
        await posed.Server.GreetAsync(default, default).Soon();
        await connecting.Soon();
        return posed;
    }

    public async ValueTask DisposeAsync()
    {
        Server.Dispose();
        Socket.Dispose();
        Streams.Dispose();
        await _store.DisposeAsync();
        _listener.Dispose();
    }
}
