using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

/// <summary>Writers that go away, leases, eviction, and what is left behind.</summary>
public abstract class LifetimeTests(Transport transport)
{
    private const int BlockSizeBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Put_WriterGoesAway_ReadersAreToldAbortedAndAllIsFreed()
    {
        await using TestStore store = await StartAsync();
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], Patience);
        using var crash = new CancellationTokenSource();
        await using BlockWriter writer = store.Writer(cancellationToken: crash.Token);
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0]);
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:0", TestStore.Consume(arrivals.Current, [1]));

        await crash.CancelAsync();

        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal((SlabStatus.Aborted, 1), (arrivals.Current.Status, arrivals.Current.Layer));
        Assert.False(await arrivals.MoveNextAsync().Soon());
        RpcException error = await TestStore.FailsAsync(writer.Completion);
        Assert.Equal(StatusCode.Cancelled, error.StatusCode);
        Assert.False(writer.Enqueue(TestSlabs.Id(1), 1, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(1), 1)));
        StatReply stat = await store.StatAsync();
        Assert.Equal((0L, 1), (stat.ByteCount, stat.AbortedBlocks));
    }

    [Fact]
    public async Task Put_OneOfTwoWritersGoesAway_ReadersGoOnFromTheOther()
    {
        await using TestStore store = await StartAsync();
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], Patience);
        using var crash = new CancellationTokenSource();
        await using BlockWriter first = store.Writer("prefill-0", cancellationToken: crash.Token);
        await using BlockWriter second = store.Writer("prefill-1");
        TestStore.Enqueue(first, TestSlabs.Id(1), [0, 1]);
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:0", TestStore.Consume(arrivals.Current, [1]));
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:1", TestStore.Consume(arrivals.Current, [1]));
        TestStore.Enqueue(second, TestSlabs.Id(1), [0]);
        await store.EventuallyAsync(_ => store.Tier.WriterCountOf(TestSlabs.Id(1)) == 2);

        await crash.CancelAsync();
        await TestStore.FailsAsync(first.Completion);
        await store.EventuallyAsync(_ => store.Tier.WriterCountOf(TestSlabs.Id(1)) == 1);
        TestStore.Enqueue(second, TestSlabs.Id(1), [1, 2]);
        BlockWriteResult result = await second.CompleteAsync().Soon();

        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:2", TestStore.Consume(arrivals.Current, [1]));
        Assert.False(await arrivals.MoveNextAsync().Soon());
        Assert.Equal((1, 2), (result.SlabsStored, result.SlabsKnown));
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
    }

    [Fact]
    public async Task Put_WriterFallsSilentInABlock_IsEndedAfterTheTimeout()
    {
        await using TestStore store = await StartAsync();
        await using BlockWriter writer = store.Writer();
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0]);
        await store.EventuallyAsync(stat => stat.PutSlabs == 1);
        Task<BlockWriteResult> completion = writer.Completion;

        // The timer is set after the slab is stored; the clock is moved until it has been.
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!completion.IsCompleted && await poll.WaitForNextTickAsync())
        {
            store.Time.Advance(TimeSpan.FromSeconds(31));
        }

        RpcException error = await TestStore.FailsAsync(completion);
        Assert.Equal(StatusCode.DeadlineExceeded, error.StatusCode);
        Assert.Contains("KvStore:PutTimeout", error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(0, (await store.StatAsync()).BlockCount);
    }

    [Fact]
    public async Task Put_OverTheBudget_EvictsTheLongestUnused()
    {
        await using TestStore store = await StartAsync(budgetBytes: 3 * BlockSizeBytes);
        await store.PutAsync([TestSlabs.Id(1), TestSlabs.Id(2), TestSlabs.Id(3)]);
        await store.GetAllAsync([1]);
        await store.PutAsync([TestSlabs.Id(4)]);
        Assert.Equal("1:0 1:1 1:2 2:Missing", await store.GetAllAsync([1, 2]));
        await store.PutAsync([TestSlabs.Id(5)]);
        Assert.Equal("3:Missing", await store.GetAllAsync([3]));
        Assert.Equal(2, (await store.StatAsync()).EvictedBlocks);
    }

    [Fact]
    public async Task Put_BudgetFullOfLeasedBlocks_IsResourceExhaustedUntilTheLeaseEnds()
    {
        await using TestStore store = await StartAsync(budgetBytes: 2 * BlockSizeBytes);
        await store.PutAsync([TestSlabs.Id(1), TestSlabs.Id(2)]);
        LookupReply lease = await LookupAsync(store, [1, 2, 3], leaseMs: 10_000);
        Assert.Equal(2, lease.HeldBlockCount);
        Assert.Equal(2, (await store.StatAsync()).LeasedBlockCount);

        RpcException full = await TestStore.FailsAsync(store.PutAsync([TestSlabs.Id(3)]));
        Assert.Equal(StatusCode.ResourceExhausted, full.StatusCode);
        Assert.Contains($"budget of {2 * BlockSizeBytes} bytes", full.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("KvStore:MemoryBudgetBytes", full.Status.Detail, StringComparison.Ordinal);

        store.Time.Advance(TimeSpan.FromSeconds(9));
        await store.Client.RenewLeaseAsync(new RenewLeaseRequest { LeaseId = lease.LeaseId, LeaseMs = 10_000 }).ResponseAsync.Soon();
        store.Time.Advance(TimeSpan.FromSeconds(9));
        await TestStore.FailsAsync(store.PutAsync([TestSlabs.Id(3)]));
        store.Time.Advance(TimeSpan.FromSeconds(2));
        await store.PutAsync([TestSlabs.Id(3)]);

        RpcException expired = await TestStore.FailsAsync(
            store.Client.RenewLeaseAsync(new RenewLeaseRequest { LeaseId = lease.LeaseId, LeaseMs = 1 }).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, expired.StatusCode);
    }

    [Fact]
    public async Task ReleaseLease_TwiceOrUnknown_IsNoErrorAndFreesTheBlocks()
    {
        await using TestStore store = await StartAsync(budgetBytes: BlockSizeBytes);
        await store.PutAsync([TestSlabs.Id(1)]);
        LookupReply lease = await LookupAsync(store, [1], leaseMs: 1000);
        for (int i = 0; i < 2; i++)
        {
            await store.Client.ReleaseLeaseAsync(new ReleaseLeaseRequest { LeaseId = lease.LeaseId }).ResponseAsync.Soon();
        }

        await store.PutAsync([TestSlabs.Id(2)]);
        Assert.Equal(0, (await LookupAsync(store, [1], leaseMs: 0)).HeldBlockCount);
        Assert.Equal("", (await LookupAsync(store, [2], leaseMs: 0)).LeaseId);
    }

    [Theory]
    [InlineData("get twice", "block_ids names a block twice")]
    [InlineData("get wait", "wait_ms must not be negative")]
    [InlineData("lookup id", "block_ids[0] must be 16 bytes, not 2")]
    [InlineData("lookup lease", "lease_ms must be 1 to")]
    [InlineData("renew", "lease_ms must be 1 to")]
    public async Task Call_BadField_IsInvalidArgumentWithItsName(string call, string message)
    {
        await using TestStore store = await StartAsync();
        var id = TestSlabs.Id(1).ToByteString();
        Task task = call switch
        {
            "get twice" => store.Client.Get(new GetRequest { BlockIds = { id, id } }).ResponseStream.MoveNext(default),
            "get wait" => store.Client.Get(new GetRequest { BlockIds = { id }, WaitMs = -1 }).ResponseStream.MoveNext(default),
            "lookup id" => store.Client.LookupAsync(
                new LookupRequest { BlockIds = { Google.Protobuf.ByteString.CopyFrom(1, 2) } }).ResponseAsync,
            "lookup lease" => store.Client.LookupAsync(new LookupRequest { BlockIds = { id }, LeaseMs = -1 }).ResponseAsync,
            _ => store.Client.RenewLeaseAsync(new RenewLeaseRequest { LeaseId = "x" }).ResponseAsync,
        };
        RpcException error = await TestStore.FailsAsync(task);
        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.Contains(message, error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Drop_BlockBeingPut_AbortsItsReadersAndIgnoresTheRest()
    {
        await using TestStore store = await StartAsync();
        await using BlockWriter writer = store.Writer();
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0]);
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], Patience);
        Assert.True(await arrivals.MoveNextAsync().Soon());
        TestStore.Consume(arrivals.Current, [1]);

        await store.Reader.DropAsync([TestSlabs.Id(1)], SlabError.PayloadChecksum).Soon();

        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal(SlabStatus.Aborted, arrivals.Current.Status);
        TestStore.Enqueue(writer, TestSlabs.Id(1), [1, 2]);
        BlockWriteResult result = await writer.CompleteAsync().Soon();
        Assert.Equal((1, 0, 3), (result.SlabsStored, result.SlabsKnown, result.SlabsSent));
        Assert.Equal(0, (await store.StatAsync()).BlockCount);
    }

    private static async Task<LookupReply> LookupAsync(TestStore store, IEnumerable<int> blocks, int leaseMs)
    {
        var request = new LookupRequest { LeaseMs = leaseMs };
        request.BlockIds.AddRange(blocks.Select(TestSlabs.Id).ToByteStrings());
        return await store.Client.LookupAsync(request).ResponseAsync.Soon();
    }

    private Task<TestStore> StartAsync(long budgetBytes = TestStore.DefaultBudgetBytes) => TestStore.StartAsync(budgetBytes, transport: transport);
}
