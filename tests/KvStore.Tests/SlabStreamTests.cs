using System.Net;
using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.Protocol.Streams;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

/// <summary>What slab streams have of their own; that they do what gRPC does is in the tests that run over both.</summary>
public sealed class SlabStreamTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Calls_OneAfterTheOther_GoOverOneConnectionAndNotOverGrpc(bool isLocal)
    {
        await using TestStore store = await StartAsync(isLocal);
        using var streams = new SlabStreamInvoker(new UnaryOnlyInvoker(store.Client), store.Addresses[0]);
        await streams.ConnectAsync().Soon();
        var client = new V1.KvStore.KvStoreClient(streams);
        for (int block = 0; block < 20; block++)
        {
            await using var writer = new BlockWriter(client, "prefill-0", TestSlabs.Epoch);
            TestStore.Enqueue(writer, TestSlabs.Id(block), Enumerable.Range(0, TestSlabs.LayerCount));
            Assert.Equal(TestSlabs.LayerCount, (await writer.CompleteAsync().Soon()).SlabsStored);
            Assert.Equal(TestSlabs.LayerCount, await GetAsync(client, block));
        }

        // One is opened ahead of those in use.
        Assert.InRange(store.Listener.ConnectionCount, 1, 2);
        Assert.Equal(isLocal ? store.Listener.ConnectionCount : 0, store.Listener.LocalConnectionCount);
    }

    [Fact]
    public async Task Calls_SlabStreamsAreOff_GoOverGrpc()
    {
        await using TestStore store = await TestStore.StartAsync(configure: options => options.SlabPort = -1, transport: Transport.SlabStreams);
        await store.PutAsync([TestSlabs.Id(1)]);
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
        Assert.Equal((0, 0), (store.Listener.Port, store.Listener.ConnectionCount));
    }

    [Theory]
    [InlineData(Transport.SlabStreams)]
    [InlineData(Transport.LocalSlabStreams)]
    public async Task Get_ClientGoesAwayWhileItWaits_IsClosed(Transport transport)
    {
        await using TestStore store = await TestStore.StartAsync(transport: transport);
        using var gone = new CancellationTokenSource();
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], TimeSpan.FromSeconds(30), gone.Token);
        ValueTask<bool> waiting = arrivals.MoveNextAsync();
        await store.EventuallyAsync(stat => stat.WaitingReaderCount == 1);

        await gone.CancelAsync();

        RpcException error = await Assert.ThrowsAsync<RpcException>(async () => await waiting.AsTask().Soon());
        Assert.Equal(StatusCode.Cancelled, error.StatusCode);
        await store.EventuallyAsync(stat => stat is { WaitingReaderCount: 0, ReadBlockCount: 0 });
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task Get_SomethingComesWhileItWaits_IsEndedAtOnceAndItsConnectionClosed(bool isMessage, bool isLocal)
    {
        await using TestStore store = await StartAsync(isLocal);
        using Socket socket = await ConnectAsync(store);
        using var client = new SlabSocket(socket);
        byte[] request = new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) }, WaitMs = 60_000 }.ToByteArray();
        await client.SendAsync(SlabMessageKind.Get, request);
        await store.EventuallyAsync(stat => stat.WaitingReaderCount == 1);

        // Were the next call begun, its frames would look like the first one's.
        await (isMessage ? client.SendAsync(SlabMessageKind.Get, request).AsTask() : socket.SendAsync(new byte[SlabMessageHeader.SizeBytes]));

        Assert.Null(await client.ReceiveAsync().Soon());
        await store.EventuallyAsync(stat => stat is { WaitingReaderCount: 0, ReadBlockCount: 0 });
        await Eventually.TrueAsync(() => store.Listener.ConnectionCount == 0);
        Assert.Equal(1, store.Listener.BrokenCount);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task Call_RequestIsDamaged_IsAnsweredWithInternalOnAnUsedConnectionToo(bool isSecondCall, bool isLocal)
    {
        await using TestStore store = await StartAsync(isLocal);
        using Socket socket = await ConnectAsync(store);
        using var client = new SlabSocket(socket);
        byte[] extra = new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) } }.ToByteArray();
        if (isSecondCall)
        {
            await client.SendAsync(SlabMessageKind.Get, extra);
            Assert.Equal(SlabMessageKind.Frame, (await client.ReceiveAsync().Soon())!.Value.Kind);
            Assert.Equal(SlabMessageKind.Status, (await client.ReceiveAsync().Soon())!.Value.Kind);
        }

        byte[] message = Message(new SlabMessageHeader { Kind = SlabMessageKind.Get }, extra);
        message[SlabMessageHeader.SizeBytes + 5] ^= 4;
        await socket.SendAsync(message);

        SlabMessage end = (await client.ReceiveAsync().Soon())!.Value;
        Assert.Equal((SlabMessageKind.Status, (int)StatusCode.Internal), (end.Kind, SlabStreamStatus.Parser.ParseFrom(end.Extra).Code));
        Assert.Null(await client.ReceiveAsync().Soon());
        Assert.Equal(1, store.Listener.BrokenCount);
    }

    [Theory]
    [InlineData(Transport.SlabStreams)]
    [InlineData(Transport.LocalSlabStreams)]
    public async Task Connections_WithHostileBytes_AreClosedAndNothingIsKept(Transport transport)
    {
        await using TestStore store = await TestStore.StartAsync(transport: transport);
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            using Socket socket = await OpenAsync(store);
            byte[] bytes = Hostile(random, i, Greeting(store));
            await socket.SendAsync(bytes);
            socket.Shutdown(SocketShutdown.Send);
            var answer = new byte[4096];
            try
            {
                while (await socket.ReceiveAsync(answer).Soon() > 0)
                {
                }
            }
            catch (SocketException)
            {
                // Reset: closed as well.
            }
        }

        await store.PutAsync([TestSlabs.Id(1)]);
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
    }

    [Theory]
    [InlineData(false, "a frame that became a status")]
    [InlineData(false, "OK with a reason")]
    [InlineData(false, "the reply to a Put")]
    [InlineData(true, "no reply")]
    [InlineData(true, "before the End")]
    public async Task Calls_StatusIsDamaged_FailAndTheirConnectionIsClosed(bool isPut, string damage)
    {
        await using PosedShard posed = await PosedShard.StartAsync();

        SlabStreamStatus status = damage switch
        {
            "OK with a reason" => new SlabStreamStatus { Detail = "block_ids names a block twice" },
            "the reply to a Put" or "before the End" => new SlabStreamStatus { PutReply = new PutReply { SlabsStored = 1 } },
            _ => new SlabStreamStatus(),
        };
        BlockId id = damage == "a frame that became a status" ? TestSlabs.Id(1) : default;
        byte[] message = Message(new SlabMessageHeader { Kind = SlabMessageKind.Status, BlockId = id }, status.ToByteArray());

        var client = new V1.KvStore.KvStoreClient(posed.Streams);
        using IDisposable call = isPut ? client.Put() : client.Get(new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) } });
        if (call is AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> put && damage != "before the End")
        {
            await put.RequestStream.CompleteAsync().Soon();
        }
        else if (call is AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> begun)
        {
            using var frame = new Protocol.SlabFrame(TestSlabs.Id(1), 0, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(1), 0));
            await begun.RequestStream.WriteAsync(frame).Soon();
        }

        (await posed.Server.ReceiveAsync().Soon())!.Value.Slab?.Dispose();
        await posed.Socket.SendAsync(message);

        RpcException error = await Assert.ThrowsAsync<RpcException>(() => call is AsyncServerStreamingCall<Protocol.SlabFrame> get
            ? get.ResponseStream.MoveNext(default).Soon()
            : ((AsyncClientStreamingCall<Protocol.SlabFrame, PutReply>)call).ResponseAsync.Soon());
        Assert.Equal(StatusCode.Internal, error.StatusCode);
        Assert.Null(await posed.Server.ReceiveAsync().Soon());
    }

    [Fact]
    public async Task Start_PortIsTaken_SaysSoInOneLine()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        await using var host = KvStoreHost.Create(new KvStoreOptions { ListenAddress = "http://127.0.0.1:0", SlabPort = port });
        HostStartException error = await Assert.ThrowsAsync<HostStartException>(() => ServiceHost.StartAsync(host).Soon());
        Assert.Contains($"port {port} for slab streams", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    /// <summary>Noise, or a greeting and a message with some bytes changed, or cut off.</summary>
    private static byte[] Hostile(Random random, int number, byte[] greeting)
    {
        if (number % 5 == 0)
        {
            var noise = new byte[random.Next(1, 300)];
            random.NextBytes(noise);
            return noise;
        }

        using SlabLease slab = TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(900), 0);
        using var frame = new Protocol.SlabFrame(TestSlabs.Id(900), 0, TestSlabs.LayerCount, slab.Share());
        var header = new byte[SlabMessageHeader.SizeBytes];
        SlabMessageHeader.Of(frame).Write(header);
        int start = greeting.Length;
        byte[] bytes = [.. greeting, .. header, .. slab.Span];
        for (int changes = random.Next(4); changes > 0; changes--)
        {
            bytes[random.Next(start, start + SlabMessageHeader.SizeBytes)] = (byte)random.Next(256);
        }

        if (number % 5 > 1)
        {
            // Who means harm knows the checksum.
            uint checksum = Crc32C.Append(Crc32C.Compute(bytes.AsSpan(start, 20)), bytes.AsSpan(start + 24, SlabMessageHeader.SizeBytes - 24));
            BitConverter.GetBytes(checksum).CopyTo(bytes, start + 20);
        }

        return bytes[..random.Next(start + 1, bytes.Length + 1)];
    }

    private static byte[] Message(in SlabMessageHeader header, byte[] extra)
    {
        byte[] bytes = [.. new byte[SlabMessageHeader.SizeBytes], .. extra, .. extra.Length > 0 ? BitConverter.GetBytes(Crc32C.Compute(extra)) : []];
        (header with { ExtraSizeBytes = extra.Length }).Write(bytes);
        return bytes;
    }

    private static Task<TestStore> StartAsync(bool isLocal) =>
        TestStore.StartAsync(configure: options => options.SlabSocketFolder = isLocal ? SlabEndpoint.DefaultSocketFolder : "");

    /// <summary>A connection, over the Unix socket when there is one, that has said nothing.</summary>
    private static async Task<Socket> OpenAsync(TestStore store)
    {
        string path = store.Listener.Advertised.SlabSocket;
        Socket socket = path.Length > 0 ? LocalSlabSocket.Create() : new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(path.Length > 0 ? new UnixDomainSocketEndPoint(path) : new IPEndPoint(IPAddress.Loopback, store.Listener.Port)).Soon();
        return socket;
    }

    /// <summary>On a Unix socket, of who lends nothing and reads nobody's memory.</summary>
    private static byte[] Greeting(TestStore store)
    {
        byte[] nothing = new byte[MemoryOffer.SizeBytes];
        MemoryOffer.None.Write(nothing);
        return store.Listener.Advertised.SlabSocketId is { IsEmpty: false } id ? [.. "KVSLABS3"u8, .. id.Span, .. nothing, 0] : [.. "KVSLABS2"u8];
    }

    private static async Task<Socket> ConnectAsync(TestStore store)
    {
        Socket socket = await OpenAsync(store);
        byte[] greeting = Greeting(store);
        await socket.SendAsync(greeting);
        for (int received = 0; received < greeting.Length;)
        {
            received += await socket.ReceiveAsync(new byte[greeting.Length - received]).Soon();
        }

        return socket;
    }

    private static async Task<int> GetAsync(V1.KvStore.KvStoreClient client, int block)
    {
        int slabCount = 0;
        await foreach (SlabArrival arrival in new BlockReader(client).ReadAsync([new WantedBlock(TestSlabs.Id(block), TestSlabs.Expected)], TimeSpan.Zero))
        {
            arrival.Slab?.Dispose();
            slabCount += arrival.IsUsable ? 1 : 0;
        }

        return slabCount;
    }
}
