using Grpc.Core;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Redis;

public sealed class DrainTests
{
    [Fact]
    public async Task Drain_DiskAndRedis_EachHasEverythingAfterwards()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using var folder = new TestFolder();
        int[] blocks = [.. Enumerable.Range(0, 30)];
        await using (TestStore store = await StartAsync(server, folder.Path))
        {
            await store.PutAsync(blocks.Select(TestSlabs.Id));
            await store.PutAsync([TestSlabs.Id(99)], transient: true);
            List<DrainReply> replies = await DrainAsync(store);
            Assert.Equal(["disk 30/30/30 missing 0", "redis 30/30/30 missing 0"], replies.Where(reply => reply.IsDone).Select(Describe));
            List<DrainReply> again = await DrainAsync(store);
            Assert.Equal(["disk 30/0/30 missing 0", "redis 30/0/30 missing 0"], again.Where(reply => reply.IsDone).Select(Describe));
            StatReply stat = await store.StatAsync();
            Assert.Equal((30, 30, 0L), (stat.Disk.BlockCount, stat.Redis.WrittenBlocks, stat.Redis.QueuedByteCount));
            Assert.StartsWith("99:0", await store.GetAllAsync([99]), StringComparison.Ordinal);
        }

        await using TestStore other = await StartAsync(server, "");
        Assert.Equal(90, (await other.GetAllAsync(blocks)).Split(' ').Length);
    }

    [Fact]
    public async Task Drain_RedisDoesNotAnswer_SaysWhatIsMissing()
    {
        await using RedisServer server = await RedisServer.StartAsync();
        await using TestStore store = await StartAsync(server, "", timeoutMs: 100);
        await store.PutAsync(Enumerable.Range(0, 10).Select(TestSlabs.Id));
        server.Freeze();
        DrainReply last = (await DrainAsync(store))[^1];
        Assert.Equal((true, 10, 10), (last.IsDone, last.SeenBlockCount, last.MissingBlockCount));
        server.Thaw();
    }

    [Fact]
    public async Task Drain_MemoryOnly_IsRefused()
    {
        await using TestStore store = await TestStore.StartAsync();
        RpcException error = await TestStore.FailsAsync(DrainAsync(store));
        Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
    }

    private static string Describe(DrainReply reply) =>
        $"{reply.Tier} {reply.SeenBlockCount}/{reply.QueuedBlockCount}/{reply.BlockCount} missing {reply.MissingBlockCount}";

    private static async Task<TestStore> StartAsync(RedisServer server, string dataFolder, int timeoutMs = 20_000)
    {
        TestStore store = await TestStore.StartAsync(
            dataFolder: dataFolder,
            configure: options => (options.RedisConnection, options.RedisTimeoutMs) = (server.Connection, timeoutMs),
            isRealTime: true);
        await store.EventuallyAsync(stat => stat.Redis.IsAnswering);
        return store;
    }

    private static async Task<List<DrainReply>> DrainAsync(TestStore store)
    {
        using AsyncServerStreamingCall<DrainReply> call = store.Client.Drain(new DrainRequest());
        var replies = new List<DrainReply>();
        while (await call.ResponseStream.MoveNext(CancellationToken.None).Soon())
        {
            replies.Add(call.ResponseStream.Current);
        }

        return replies;
    }
}
