using Grpc.Core;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Late writes of an incarnation that is over, at shards that never saw it or its successor.</summary>
public sealed class EpochTests
{
    private static readonly WorkerDescription Worker = new() { WorkerId = "prefill-0", Role = WorkerRole.Prefill, Address = "http://prefill:1" };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Put_OldEpochAtAShardThatJoinedLater_IsRefused(bool isCopying)
    {
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        ulong old = gateway.Join(Worker);
        ulong current = gateway.Join(Worker);
        await using TestShards cluster = await TestShards.StartAsync(2, gateway.Address);
        foreach (string address in cluster.Addresses)
        {
            RpcException error = await Assert.ThrowsAsync<RpcException>(() => PutAsync(address, old, isCopying));
            Assert.Equal(StatusCode.FailedPrecondition, error.StatusCode);
            Assert.Contains("is over", error.Status.Detail, StringComparison.Ordinal);
            await PutAsync(address, current, isCopying);
        }

        Assert.All(cluster.Shards, shard => Assert.Equal(1, shard.Store.Counters.StaleEpochPuts));
    }

    [Fact]
    public async Task Put_WorkerRestarts_EveryShardRefusesTheOldOneThoughTheNewOneNeverWrote()
    {
        await using ShardGateway gateway = await ShardGateway.StartAsync();
        ulong old = gateway.Join(Worker);
        await using TestShards cluster = await TestShards.StartAsync(3, gateway.Address);
        foreach (string address in cluster.Addresses)
        {
            await PutAsync(address, old, isCopying: false);
        }

        // In the middle of a block at one shard when it is replaced.
        await using var connections = new Connections();
        await using BlockWriter writer = connections.Open(cluster.Addresses[0], old);
        TestStore.Enqueue(writer, TestSlabs.Id(2), [0], epoch: old);
        await Eventually.TrueAsync(() => cluster.Shards[0].Tier.Stat().PendingBlockCount == 1);
        gateway.Join(Worker);
        await gateway.HeardByAllAsync();

        TestStore.Enqueue(writer, TestSlabs.Id(2), [1], epoch: old);
        RpcException cut = await Assert.ThrowsAsync<RpcException>(() => writer.Completion.Soon());
        Assert.Equal(StatusCode.FailedPrecondition, cut.StatusCode);
        Assert.Equal(0, cluster.Shards[0].Tier.Stat().PendingBlockCount);
        foreach (string address in cluster.Addresses)
        {
            Assert.Equal(
                StatusCode.FailedPrecondition,
                (await Assert.ThrowsAsync<RpcException>(() => PutAsync(address, old, isCopying: false))).StatusCode);
        }
    }

    [Fact]
    public async Task Put_SlabOfAnotherEpoch_IsTakenOnlyAsACopy()
    {
        await using TestShards cluster = await TestShards.StartAsync(1);
        await using var connections = new Connections();
        await using (BlockWriter own = connections.Open(cluster.Addresses[0], epoch: 9))
        {
            TestStore.Enqueue(own, TestSlabs.Id(1), [0, 1, 2], epoch: 5);
            RpcException error = await Assert.ThrowsAsync<RpcException>(() => own.CompleteAsync().Soon());
            Assert.Contains("wrong_epoch", error.Status.Detail, StringComparison.Ordinal);
        }

        await using BlockWriter copier = connections.Open(cluster.Addresses[0], epoch: 9, isCopying: true);
        TestStore.Enqueue(copier, TestSlabs.Id(1), [0, 1, 2], epoch: 5);
        Assert.Equal(3, (await copier.CompleteAsync().Soon()).SlabsStored);
        await using ShardClient client = cluster.Client(1);
        Assert.Single(await client.ReadAsync([TestSlabs.Id(1)]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Put_EpochDamagedOnTheWay_DoesNotShutTheWorkerOut(bool isCopying)
    {
        const ulong Damaged = TestSlabs.Epoch | 1UL << 40;
        await using TestShards cluster = await TestShards.StartAsync(1);
        await using var connections = new Connections();
        await using (BlockWriter damaged = connections.Open(cluster.Addresses[0], Damaged, isCopying))
        {
            TestStore.Enqueue(damaged, TestSlabs.Id(1), [0, 1, 2], epoch: TestSlabs.Epoch);
            if (isCopying)
            {
                Assert.Equal(3, (await damaged.CompleteAsync().Soon()).SlabsStored);
            }
            else
            {
                RpcException error = await Assert.ThrowsAsync<RpcException>(() => damaged.CompleteAsync().Soon());
                Assert.Contains("wrong_epoch", error.Status.Detail, StringComparison.Ordinal);
            }
        }

        await using BlockWriter writer = connections.Open(cluster.Addresses[0], TestSlabs.Epoch);
        TestStore.Enqueue(writer, TestSlabs.Id(2), [0, 1, 2], epoch: TestSlabs.Epoch);
        Assert.Equal(3, (await writer.CompleteAsync().Soon()).SlabsStored);
        Assert.Equal(0, cluster.Shards[0].Store.Counters.StaleEpochPuts);
    }

    [Fact]
    public void TakesPuts_BeforeTheGatewayHasAnswered_IsFalse()
    {
        var tier = new Tiers.MemoryTier(1 << 20, TimeProvider.System);
        var fence = new Puts.EpochFence(
            tier, Microsoft.Extensions.Options.Options.Create(new Hosting.KvStoreOptions { GatewayAddress = "http://gateway:1" }), TimeProvider.System);
        Assert.False(fence.TakesPuts);
        fence.Observe([new V1.WorkerEpoch { WorkerId = "prefill-0", Epoch = 7 }]);
        Assert.True(fence.TakesPuts);
        Assert.Null(tier.BeginPut("prefill-0", 6));
        Assert.NotNull(tier.BeginPut("prefill-0", 7));
    }

    [Fact]
    public async Task WaitAsync_NoWordFromTheGateway_EndsWithPatienceOrTheCall()
    {
        var time = new TestTimeProvider();
        var fence = new Puts.EpochFence(
            new Tiers.MemoryTier(1 << 20, time),
            Microsoft.Extensions.Options.Options.Create(new Hosting.KvStoreOptions { GatewayAddress = "http://gateway:1" }),
            time);
        using var given = new CancellationTokenSource();
        Task<bool> patient = fence.WaitAsync(CancellationToken.None).AsTask();
        Task<bool> cancelled = fence.WaitAsync(given.Token).AsTask();

        await given.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Soon());
        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(patient.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.2));
        Assert.False(await patient.Soon());

        Task<bool> informed = fence.WaitAsync(CancellationToken.None).AsTask();
        fence.Observe([]);
        Assert.True(await informed.Soon());
    }

    private static async Task PutAsync(string address, ulong epoch, bool isCopying)
    {
        await using var connections = new Connections();
        await using BlockWriter writer = connections.Open(address, epoch, isCopying);
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0, 1, 2], epoch: epoch);
        await writer.CompleteAsync().Soon();
    }

    private sealed class Connections : IAsyncDisposable
    {
        private readonly Protocol.Shards.ShardConnections _connections = new(Worker.WorkerId);

        public BlockWriter Open(string address, ulong epoch, bool isCopying = false) => _connections.OpenWriter(address, epoch, isCopying);

        public ValueTask DisposeAsync()
        {
            _connections.Dispose();
            return default;
        }
    }
}
