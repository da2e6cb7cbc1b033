using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.Protocol.Streams;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.KvStore.Tests;

/// <summary>References and lent memory that can't be right end the connection, are counted, and leave nothing behind.</summary>
[SupportedOSPlatform("linux")]
public sealed partial class SlabReferenceAbuseTests
{
    private const int SizeBytes = 20_000;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int SealedAgainstShrinking = 2;

    [Theory]
    [InlineData(-1L)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    [InlineData(1L << 40)]
    [InlineData((1L << 40) - SizeBytes + 1)]
    public async Task Reference_OutOfTheMemoryLent_EndsTheConnection(long place) => await IsRefusedAsync(Reference(place));

    [Fact]
    public async Task Reference_ByWhoLendsNothing_EndsTheConnection()
    {
        byte[] nothing = new byte[MemoryOffer.SizeBytes];
        MemoryOffer.None.Write(nothing);
        await IsRefusedAsync([.. nothing, 0, .. Reference(1 << 21)], isGreeted: false);
    }

    [Fact]
    public async Task Reference_OverTcp_EndsTheConnection()
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.SlabStreams);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("localhost", store.Listener.Port).Soon();
        using var client = new SlabSocket(socket);
        await client.GreetAsync(default, default).Soon();
        await socket.SendAsync(Reference(1 << 21));
        await EndsWithInternalAsync(store, client);
    }

    [Fact]
    public async Task Taken_NothingWasLent_EndsTheConnection() => await IsRefusedAsync(Message(new SlabMessageHeader { Kind = SlabMessageKind.Taken, LayerCount = 1 }));

    [Fact]
    public async Task Get_BeforeTheLastOnesSlabsWereTaken_EndsTheConnectionAndFreesThem()
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.ReferredSlabs);
        await store.PutAsync([TestSlabs.Id(1)]);
        using Socket socket = await OpenAsync(store);
        using var client = new SlabSocket(socket);
        await client.GreetAsync(store.Listener.Advertised.SlabSocketId.Memory, default).Soon();
        byte[] request = new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) } }.ToByteArray();
        byte[] get = Message(new SlabMessageHeader { Kind = SlabMessageKind.Get, ExtraSizeBytes = request.Length }, request);
        await socket.SendAsync(get);
        for (int received = 0; received < SlabMessageHeader.SizeBytes;)
        {
            received += await socket.ReceiveAsync(new byte[SlabMessageHeader.SizeBytes]).Soon();
        }

        await store.EventuallyAsync(stat => stat.ReadBlockCount == 0);
        await socket.SendAsync(get);

        await Eventually.TrueAsync(() => store.Listener.BrokenCount == 1);
        socket.Shutdown(SocketShutdown.Both);
        await Eventually.TrueAsync(() => store.Listener.ConnectionCount <= 4);
    }

    [Theory]
    [InlineData("a file that may shrink")]
    [InlineData("a file that is no memory")]
    [InlineData("less memory than is said")]
    [InlineData("two files")]
    [InlineData("no file")]
    [InlineData("a damaged offer")]
    [InlineData("a word that is none")]
    public async Task Greeting_LendsWhatItMustNot_IsNotReadAndLeavesNoFileOpen(string what)
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.LocalSlabStreams);
        using SafeFileHandle memory = new(CreateMemoryFile("test", AllowSealing), ownsHandle: true);
        RandomAccess.SetLength(memory, 1 << 20);
        using SafeFileHandle plain = File.OpenHandle(Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, options: FileOptions.DeleteOnClose);
        RandomAccess.SetLength(plain, 1 << 20);
        if (what != "a file that may shrink")
        {
            Assert.Equal(0, Control(memory, AddSeals, SealedAgainstShrinking));
        }

        int fileCount = OpenFileCount();
        int mappingCount = PeerMemory.MappingCount;
        for (int i = 0; i < 20; i++)
        {
            using Socket socket = await OpenAsync(store);
            byte[] offer = new byte[MemoryOffer.SizeBytes];
            new MemoryOffer(what == "less memory than is said" ? 2 << 20 : 1 << 20, what == "a word that is none" ? 4 : 0, 1).Write(offer);
            offer[3] ^= what == "a damaged offer" ? (byte)1 : (byte)0;
            await socket.SendAsync(new byte[][] { [.. "KVSLABS3"u8], store.Listener.Advertised.SlabSocketId.ToByteArray() }.SelectMany(part => part).ToArray());
            SafeFileHandle[] files = what switch
            {
                "a file that is no memory" => [plain],
                "two files" => [memory, memory],
                "no file" => [],
                _ => [memory],
            };
            Assert.Equal(offer.Length, Send(socket, offer, files));
            if (what == "no file")
            {
                await socket.SendAsync(new byte[] { 0 });

                // Whatever lies between has lost it: bytes serve.
                byte[] request = new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) } }.ToByteArray();
                await socket.SendAsync(Message(new SlabMessageHeader { Kind = SlabMessageKind.Get, ExtraSizeBytes = request.Length }, request));
                int toReceive = LocalSlabSocket.GreetingSizeBytes + (2 * SlabMessageHeader.SizeBytes);
                for (int received = 0; received < toReceive;)
                {
                    received += await socket.ReceiveAsync(new byte[toReceive - received]).Soon() is > 0 and var count ? count : throw new IOException("closed");
                }
            }
            else
            {
                await ClosesAsync(socket);
            }
        }

        Assert.Equal(what == "no file" ? 0 : 20, store.Listener.BrokenCount);
        await Eventually.TrueAsync(() => OpenFileCount() < fileCount + 10 && PeerMemory.MappingCount == mappingCount);
    }

    [Fact]
    public async Task Message_ComesWithAFile_IsServedAndTheFileIsClosed()
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.LocalSlabStreams);
        using Socket socket = await OpenAsync(store);
        using var client = new SlabSocket(socket);
        await client.GreetAsync(store.Listener.Advertised.SlabSocketId.Memory, default).Soon();
        int fileCount = OpenFileCount();
        byte[] request = new GetRequest { BlockIds = { Protocol.BlockIds.ToByteString(TestSlabs.Id(1)) } }.ToByteArray();
        byte[] get = Message(new SlabMessageHeader { Kind = SlabMessageKind.Get, ExtraSizeBytes = request.Length }, request);
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(get.Length, Send(socket, get, [SlabPool.Shared.SharedMemory!.File]));
            Assert.Equal(SlabMessageKind.Frame, (await client.ReceiveAsync().Soon())!.Value.Kind);
            Assert.Equal(SlabMessageKind.Status, (await client.ReceiveAsync().Soon())!.Value.Kind);
        }

        Assert.InRange(OpenFileCount(), 0, fileCount + 5);
    }

    [Fact]
    public async Task Connect_ListenerSpeaksTheVersionBefore_GoesOverTcp()
    {
        using var folder = new TestFolder();
        await using TestStore store = await TestStore.StartAsync(configure: options => options.SlabSocketFolder = folder.Path);
        EndpointsReply place = store.Listener.Advertised;
        File.Delete(place.SlabSocket);
        using Socket old = LocalSlabSocket.Create();
        old.Bind(new UnixDomainSocketEndPoint(place.SlabSocket));
        old.Listen();
        Task answering = Task.Run(async () =>
        {
            using Socket accepted = await old.AcceptAsync();
            byte[] greeting = [.. "KVSLABS2"u8, .. place.SlabSocketId.Span];
            await accepted.SendAsync(greeting);
            await ClosesAsync(accepted);
        });
        using var streams = new SlabStreamInvoker(new UnaryOnlyInvoker(store.Client), store.Addresses[0]);
        await streams.ConnectAsync().Soon();
        await answering.Soon();
        Assert.Equal((1, 0), (store.Listener.ConnectionCount, store.Listener.LocalConnectionCount));
        await using var writer = new BlockWriter(new V1.KvStore.KvStoreClient(streams), "prefill-0", TestSlabs.Epoch);
        TestStore.Enqueue(writer, TestSlabs.Id(1), Enumerable.Range(0, TestSlabs.LayerCount));
        Assert.Equal(TestSlabs.LayerCount, (await writer.CompleteAsync().Soon()).SlabsStored);
    }

    [Fact]
    public async Task Connect_ClientSpeaksTheVersionBefore_IsClosed()
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.LocalSlabStreams);
        using Socket socket = await OpenAsync(store);
        await socket.SendAsync(new byte[][] { [.. "KVSLABS2"u8], store.Listener.Advertised.SlabSocketId.ToByteArray() }.SelectMany(part => part).ToArray());
        await ClosesAsync(socket);
        Assert.Equal(1, store.Listener.BrokenCount);
    }

    private static async Task IsRefusedAsync(byte[] bytes, bool isGreeted = true)
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.LocalSlabStreams);
        using Socket socket = await OpenAsync(store);
        using var client = new SlabSocket(socket);
        ReadOnlyMemory<byte> id = store.Listener.Advertised.SlabSocketId.Memory;
        if (isGreeted)
        {
            await client.GreetAsync(id, default).Soon();
            Assert.True(client is { CanLend: true, CanBorrow: true });
            await socket.SendAsync(bytes);
        }
        else
        {
            await socket.SendAsync(new[] { "KVSLABS3"u8.ToArray(), id.ToArray(), bytes }.SelectMany(part => part).ToArray());
            for (int toReceive = LocalSlabSocket.GreetingSizeBytes; toReceive > 0;)
            {
                toReceive -= await socket.ReceiveAsync(new byte[toReceive]).Soon();
            }
        }

        await EndsWithInternalAsync(store, client);
    }

    private static async Task EndsWithInternalAsync(TestStore store, SlabSocket client)
    {
        SlabMessage end = (await client.ReceiveAsync().Soon())!.Value;
        Assert.Equal((SlabMessageKind.Status, (int)StatusCode.Internal), (end.Kind, SlabStreamStatus.Parser.ParseFrom(end.Extra).Code));
        Assert.Null(await client.ReceiveAsync().Soon());
        Assert.Equal(1, store.Listener.BrokenCount);
    }

    private static byte[] Reference(long place)
    {
        var header = new SlabMessageHeader
        {
            Kind = SlabMessageKind.Reference,
            ExtraSizeBytes = SlabMessageHeader.PlaceSizeBytes,
            SlabSizeBytes = SizeBytes,
            LayerCount = 1,
            BlockId = TestSlabs.Id(1),
        };
        return Message(header, BitConverter.GetBytes(place));
    }

    private static byte[] Message(in SlabMessageHeader header, byte[]? extra = null)
    {
        byte[] bytes = [.. new byte[SlabMessageHeader.SizeBytes], .. extra ?? [], .. extra is null ? [] : BitConverter.GetBytes(Crc32C.Compute(extra))];
        header.Write(bytes);
        return bytes;
    }

    private static async Task<Socket> OpenAsync(TestStore store)
    {
        Socket socket = LocalSlabSocket.Create();
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(store.Listener.Advertised.SlabSocket)).Soon();
        return socket;
    }

    private static async Task ClosesAsync(Socket socket)
    {
        try
        {
            while (await socket.ReceiveAsync(new byte[4096]).Soon() > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: closed as well.
        }
    }

    private static int OpenFileCount() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    /// <summary>Bytes with any number of open files.</summary>
    private static unsafe int Send(Socket socket, byte[] bytes, SafeFileHandle[] files)
    {
        byte[] control = [.. BitConverter.GetBytes(16L + (4 * files.Length)), .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(1), .. files.SelectMany(file => BitConverter.GetBytes((int)file.DangerousGetHandle()))];
        fixed (byte* start = bytes, controlStart = control)
        {
            var part = new GatheredIo.IoVector(start, bytes.Length);
            var message = new GatheredIo.Message { Parts = &part, PartCount = 1, Control = files.Length == 0 ? null : controlStart, ControlSizeBytes = files.Length == 0 ? 0 : control.Length };
            return (int)GatheredIo.SendMessage(socket.SafeHandle, &message, 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(SafeFileHandle file, int command, nint argument);
}
