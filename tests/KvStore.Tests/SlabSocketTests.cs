using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Grpc.Net.Client;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.KvStore.Tests.Shards;
using KvCluster.Protocol.Streams;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

/// <summary>Unix sockets of slab streams: their files, and that whatever is wrong with one costs no more than its speed.</summary>
[SupportedOSPlatform("linux")]
public sealed class SlabSocketTests
{
    private const string ForeignListener = """
        import os, socket, sys
        s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], 0o777); s.listen(); print("ready", flush=True)
        c = s.accept()[0]; heard = c.recv(99); heard and c.sendall(b"KVSLABS3" + bytes.fromhex(sys.argv[2])); print(heard, flush=True)
        """;

    [Fact]
    public async Task File_OfAListener_IsItsUsersAloneAndGoesWithIt()
    {
        using var folder = new TestFolder();
        string sockets = Path.Combine(folder.Path, "sockets");
        await using (TestStore store = await StartAsync(sockets))
        {
            EndpointsReply place = store.Listener.Advertised;
            Assert.Equal([place.SlabSocket], Directory.GetFileSystemEntries(sockets));
            Assert.Equal(LocalSlabSocket.IdSizeBytes, place.SlabSocketId.Length);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(place.SlabSocket));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(sockets));
            await PutAndGetAsync(store, isLocal: true);
        }

        Assert.Empty(Directory.GetFileSystemEntries(sockets));
    }

    [Fact]
    public async Task Start_KilledShardHasLeftItsFile_RemovesItAndLeavesThoseInUse()
    {
        using var folder = new TestFolder();
        await using TestStore before = await StartAsync(folder.Path);
        string killed;
        await using (StoreProcess process = await StoreProcess.StartAsync("--ListenAddress=http://127.0.0.1:0", $"--SlabSocketFolder={folder.Path}"))
        {
            killed = (await new V1.KvStore.KvStoreClient(process.Channel!).EndpointsAsync(new EndpointsRequest())).SlabSocket;
            await process.KillAsync();
        }

        Assert.True(File.Exists(killed));
        await using TestShard store = await TestShard.StartAsync("next", configure: options => options.SlabSocketFolder = folder.Path);

        Assert.Equal(new[] { before.Listener.Advertised.SlabSocket, store.Listener.Advertised.SlabSocket }.Order(), Directory.GetFileSystemEntries(folder.Path).Order());
        Assert.Equal(0, before.Listener.BrokenCount);
        await PutAndGetAsync(before, isLocal: true);
    }

    [Fact]
    public async Task Start_ShardWasKilledBeforeItListened_RemovesItsFileButNoneInTheMaking()
    {
        using var folder = new TestFolder();
        string left = Path.Combine(folder.Path, "slabs-00.soc"), young = Path.Combine(folder.Path, "slabs-11.soc");
        using Socket killed = LocalSlabSocket.Create(), starting = LocalSlabSocket.Create();
        killed.Bind(new UnixDomainSocketEndPoint(left));
        starting.Bind(new UnixDomainSocketEndPoint(young));
        File.SetLastWriteTimeUtc(left, DateTime.UtcNow.AddMinutes(-2));

        await using TestStore store = await StartAsync(folder.Path);

        Assert.Equal(new[] { young, store.Listener.Advertised.SlabSocket }.Order(), Directory.GetFileSystemEntries(folder.Path).Order());
    }

    [Fact]
    public async Task Connect_AnotherListensAtThePath_GoesOverTcpAndNotToIt()
    {
        using var folder = new TestFolder();
        await using TestStore store = await StartAsync(folder.Path);
        await using TestShard other = await TestShard.StartAsync("other", configure: options => options.SlabSocketFolder = folder.Path);
        File.Move(other.Listener.Advertised.SlabSocket, store.Listener.Advertised.SlabSocket, overwrite: true);

        await PutAndGetAsync(store, isLocal: false);

        await Eventually.TrueAsync(() => other.Listener is { ConnectionCount: 0, BrokenCount: >= 1 });
        Assert.Equal(0, other.Store.Counters.PutSlabs);
    }

    [Theory]
    [InlineData("no file")]
    [InlineData("a file that is no socket")]
    [InlineData("a socket that nobody listens on")]
    public async Task Connect_PathLeadsNowhere_GoesOverTcp(string what)
    {
        using var folder = new TestFolder();
        await using TestStore store = await StartAsync(folder.Path);
        string path = store.Listener.Advertised.SlabSocket;
        File.Delete(path);
        if (what == "a file that is no socket")
        {
            await File.WriteAllTextAsync(path, "no socket");
        }
        else if (what == "a socket that nobody listens on")
        {
            using Socket gone = LocalSlabSocket.Create();
            gone.Bind(new UnixDomainSocketEndPoint($"{path}.gone"));
            File.Move($"{path}.gone", path);
        }

        await PutAndGetAsync(store, isLocal: false);
    }

    [Fact]
    public async Task Connect_ListenerSaysNothingForASecond_GoesOverTcpAndTriesAgainLater()
    {
        using var folder = new TestFolder();
        await using TestStore store = await StartAsync(folder.Path);
        string path = store.Listener.Advertised.SlabSocket;
        File.Move(path, $"{path}.aside");
        using Socket silent = LocalSlabSocket.Create();
        silent.Bind(new UnixDomainSocketEndPoint(path));
        silent.Listen();
        var time = new TestTimeProvider();
        using GrpcChannel channel = Protocol.GrpcChannels.Create(store.Addresses[0]);
        using var streams = new SlabStreamInvoker(channel.CreateCallInvoker(), store.Addresses[0], time);
        Task connecting = streams.ConnectAsync();
        using Socket accepted = await silent.AcceptAsync().Soon();
        Assert.False(connecting.IsCompleted);

        time.Advance(TimeSpan.FromSeconds(1));
        await connecting.Soon();
        Assert.Equal((1, 0), (store.Listener.ConnectionCount, store.Listener.LocalConnectionCount));

        File.Move($"{path}.aside", path, overwrite: true);
        time.Advance(TimeSpan.FromSeconds(5));
        await PutAsync(new V1.KvStore.KvStoreClient(streams));
        await Eventually.TrueAsync(() => store.Listener is { ConnectionCount: 1, LocalConnectionCount: 1 });
    }

    [Theory]
    [InlineData("too long")]
    [InlineData("not a listener's")]
    public async Task Connect_PathIsNone_IsNotTried(string why)
    {
        using var folder = new TestFolder();
        byte[] id = [.. Enumerable.Range(1, LocalSlabSocket.IdSizeBytes).Select(i => (byte)i)];
        string path = why == "too long"
            ? Path.Combine(folder.Path, new string('x', LocalSlabSocket.MaxPathSizeBytes), LocalSlabSocket.FileNameOf(id))
            : Path.Combine(folder.Path, "docker.sock");
        using Socket listener = LocalSlabSocket.Create();
        listener.Bind(new UnixDomainSocketEndPoint(why == "too long" ? Path.Combine(folder.Path, "other") : path));
        listener.Listen();

        Assert.Equal((null, false), await LocalSlabSocket.TryConnectAsync(new SlabPlace("localhost", 1, path, id), TimeProvider.System, default).Soon());
        Assert.False(listener.Poll(0, SelectMode.SelectRead));
    }

    [Fact]
    public async Task Connect_AnotherUserListensAndKnowsWhoIsMeant_GoesOverTcpAndSaysNothing()
    {
        Assert.SkipUnless(LocalSlabSocket.UserId == 0 && File.Exists("/usr/bin/setpriv") && File.Exists("/usr/bin/python3"), "only root can run something as another user");
        using var folder = new TestFolder();
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        await using TestStore store = await StartAsync(folder.Path);
        EndpointsReply place = store.Listener.Advertised;
        File.Delete(place.SlabSocket);
        var start = new ProcessStartInfo("setpriv", ["--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", ForeignListener, place.SlabSocket, Convert.ToHexString(place.SlabSocketId.Span)])
        {
            RedirectStandardOutput = true,
        };
        using Process foreign = Process.Start(start)!;
        Assert.Equal("ready", await foreign.StandardOutput.ReadLineAsync().Soon());

        await PutAndGetAsync(store, isLocal: false);

        Assert.Equal("b''", await foreign.StandardOutput.ReadLineAsync().Soon());
        await foreign.WaitForExitAsync().Soon();
    }

    [Theory]
    [InlineData("too long")]
    [InlineData("in a file")]
    [InlineData("not ours")]
    [InlineData("another port is advertised")]
    public async Task Start_SocketCantOrMustNotBeMade_ServesOverTcp(string why)
    {
        using var folder = new TestFolder();
        string file = Path.Combine(folder.Path, "file");
        await File.WriteAllTextAsync(file, "");
        string sockets = why switch
        {
            "too long" => Path.Combine(folder.Path, new string('x', 90)),
            "in a file" => Path.Combine(file, "sockets"),
            "not ours" => "/proc/kvcluster",
            _ => folder.Path,
        };
        await using var link = new FaultyLink();
        await using TestStore store = await TestStore.StartAsync(configure: options =>
        {
            options.SlabSocketFolder = sockets;
            options.AdvertisedSlabPort = why == "another port is advertised" ? link.Port : 0;
        });
        link.TargetPort = store.Listener.Port;

        Assert.Equal(("", 0), (store.Listener.Advertised.SlabSocket, store.Listener.Advertised.SlabSocketId.Length));
        Assert.Equal([file], Directory.GetFileSystemEntries(folder.Path));
        await PutAndGetAsync(store, isLocal: false);
        Assert.Equal(why == "another port is advertised", link.ByteCount > 0);
    }

    private static Task<TestStore> StartAsync(string folder) => TestStore.StartAsync(configure: options => options.SlabSocketFolder = folder);

    /// <summary>Calls that go over slab streams, or fail.</summary>
    private static async Task PutAndGetAsync(TestStore store, bool isLocal)
    {
        using var streams = new SlabStreamInvoker(new UnaryOnlyInvoker(store.Client), store.Addresses[0]);
        await streams.ConnectAsync().Soon();
        Assert.Equal((1, isLocal ? 1 : 0), (store.Listener.ConnectionCount, store.Listener.LocalConnectionCount));
        await PutAsync(new V1.KvStore.KvStoreClient(streams));
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
    }

    private static async Task PutAsync(V1.KvStore.KvStoreClient client)
    {
        await using var writer = new Protocol.Transfer.BlockWriter(client, "prefill-0", TestSlabs.Epoch);
        TestStore.Enqueue(writer, TestSlabs.Id(1), Enumerable.Range(0, TestSlabs.LayerCount));
        Assert.Equal(TestSlabs.LayerCount, (await writer.CompleteAsync().Soon()).SlabsStored);
    }
}
