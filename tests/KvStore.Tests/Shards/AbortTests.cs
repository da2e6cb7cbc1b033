using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Transfers that end in the middle leave nothing on either side.</summary>
public sealed class AbortTests
{
    private const int TransferCount = 1000;
    private const int BlockCount = 4;
    private const int WaveCount = 40;

    [Fact]
    public async Task Abort_AThousandTransfersAtRandomPoints_FreesBothSides()
    {
        await using TestShards cluster = await TestShards.StartAsync(2);
        await using ShardClient client = cluster.Client(replicaCount: 2);
        var random = new Random(4);
        int cutPutCount = 0;
        int cutReadCount = 0;
        for (int wave = 0; wave < TransferCount / WaveCount; wave++)
        {
            int first = wave * WaveCount * BlockCount;
            var transfers = Enumerable.Range(0, WaveCount).Select(i => TransferAsync(
                client,
                [.. Enumerable.Range(first + (i * BlockCount), BlockCount).Select(TestSlabs.Id)],
                random.Next(BlockCount * TestSlabs.LayerCount + 1),
                random.Next(BlockCount * TestSlabs.LayerCount + 1),
                hasReader: random.Next(4) > 0));
            foreach ((bool wasPutCut, bool wasReadCut) in await Task.WhenAll(transfers).Soon())
            {
                cutPutCount += wasPutCut ? 1 : 0;
                cutReadCount += wasReadCut ? 1 : 0;
            }

            // At once: no put, reader or wait outlives its transfer, and no slab is rented but those that are stored.
            await Eventually.TrueAsync(() => cluster.Shards.All(
                shard => shard.Tier.Stat() is { PendingBlockCount: 0, ReadBlockCount: 0, WaitingReaderCount: 0, LeasedBlockCount: 0 }));
            cluster.Shards.ForEach(shard => shard.Tier.CheckIntegrity());
        }

        Assert.InRange(cutPutCount, TransferCount / 2, TransferCount);
        Assert.InRange(cutReadCount, TransferCount / 4, TransferCount);
        Assert.All(cluster.Shards, shard => Assert.True(shard.Store.Counters.AbortedBlocks > 100));
    }

    [Fact]
    public async Task Put_CallerGoesWhileAFrameIsRead_ItsSlabIsFreed()
    {
        await using TestStore store = await TestStore.StartAsync();
        using (var frame = new Protocol.SlabFrame(TestSlabs.Id(1), 0, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(1), 0))
        {
            WorkerId = "worker-0",
            Epoch = TestSlabs.Epoch,
        })
        {
            await CutShard.PutAndCutAsync(store, frame);
        }

        // It was taken in, and let go with its block, which nobody can complete any more.
        Assert.Equal((0, 0), (SlabPool.Shared.RentedCount, store.Tier.Stat().BlockCount));
        Assert.Equal((1, 1), (store.Tier.Counters.PutSlabs, store.Tier.Counters.AbortedBlocks));
    }

    private static async Task<(bool WasPutCut, bool WasReadCut)> TransferAsync(
        ShardClient client, BlockId[] ids, int slabsPut, int slabsRead, bool hasReader)
    {
        using var endRead = new CancellationTokenSource();
        using var endPut = new CancellationTokenSource();
        Task<bool> reading = hasReader ? ReadAsync(client, ids, slabsRead, endRead) : Task.FromResult(false);
        bool wasPutCut = await PutAsync(client, ids, slabsPut, endPut);
        if (wasPutCut)
        {
            await endRead.CancelAsync();
        }

        return (wasPutCut, await reading);
    }

    private static async Task<bool> PutAsync(ShardClient client, BlockId[] ids, int slabCount, CancellationTokenSource end)
    {
        await using ShardedWriter writer = client.Writer(cancellationToken: end.Token);
        for (int i = 0; i < ids.Length * TestSlabs.LayerCount; i++)
        {
            if (i == slabCount)
            {
                // Half the writers die, the others let go of the call as they leave.
                if (slabCount % 2 == 0)
                {
                    await end.CancelAsync();
                }

                return true;
            }

            // Layer after layer, as prefill does it.
            BlockId id = ids[i % ids.Length];
            int layer = i / ids.Length;
            await writer.EnqueueAsync(id, layer, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, id, layer));
        }

        try
        {
            await writer.CompleteAsync();
        }
        catch (RpcException) when (end.IsCancellationRequested)
        {
            return true;
        }

        return false;
    }

    private static async Task<bool> ReadAsync(ShardClient client, BlockId[] ids, int slabCount, CancellationTokenSource end)
    {
        int left = slabCount;
        try
        {
            await client.ReadAsync(ids, TimeSpan.FromSeconds(50), onSlab: () =>
            {
                if (Interlocked.Decrement(ref left) == 0)
                {
                    end.Cancel();
                }
            }, cancellationToken: end.Token);
            return false;
        }
        catch (OperationCanceledException)
        {
            return true;
        }
    }
}
