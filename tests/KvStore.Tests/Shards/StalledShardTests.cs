using System.Net;
using System.Net.Sockets;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Shards whose machine is gone without a word: connections stay open, and nothing is taken or answered any more.</summary>
public sealed class StalledShardTests
{
    private const int SlabCount = 64;
    private const int LargePayloadBytes = 1 << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Put_OverASlabStreamThatNobodyReads_OrAnswers_IsEndedAfterTheStallTime(bool isRead)
    {
        await using PosedShard posed = await PosedShard.StartAsync();

        var time = new TestTimeProvider();
        await using var writer = new BlockWriter(new V1.KvStore.KvStoreClient(posed.Streams), "prefill-0", TestSlabs.Epoch, time: time);
        Assert.Null(time.NextDue);
        for (int layer = 0; layer < SlabCount; layer++)
        {
            Assert.True(writer.Enqueue(TestSlabs.Id(1), layer, SlabCount, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(1), layer, payloadSizeBytes: LargePayloadBytes)));
        }

        Task<BlockWriteResult> completion = writer.CompleteAsync();
        if (isRead)
        {
            for (int i = 0; i <= SlabCount; i++)
            {
                (await posed.Server.ReceiveAsync().AsTask().Soon())!.Value.Slab?.Dispose();
            }
        }

        await EndsByStallAsync(completion, time);
        Assert.Equal(isRead, writer.SentSlabCount == SlabCount);
    }

    [Fact]
    public async Task Put_OverGrpcToAListenerThatNeverReads_IsEndedAndItsQueueIsFreed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var time = new TestTimeProvider();
        using var counters = new ShardCounters();
        using var connections = new ShardConnections("prefill-0", GrpcChannels.Create, time);
        string address = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";
        await using (var writer = new ShardedWriter(connections, () => new ShardView([address]), TestSlabs.Epoch, time, counters, default))
        {
            // More than its queue and the windows of the connection hold: the last ones wait for room.
            Task<ShardedWriteResult> putting = Task.Run(async () =>
            {
                for (int block = 0; block < BlockWriter.DefaultQueueSlabCount; block++)
                {
                    for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
                    {
                        BlockId id = TestSlabs.Id(block);
                        await writer.EnqueueAsync(id, layer, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, id, layer, payloadSizeBytes: 16 << 10));
                    }
                }

                return await writer.CompleteAsync();
            });
            await EndsByStallAsync(putting, time);
        }

        await Eventually.TrueAsync(() => SlabPool.Shared.RentedCount == 0);
    }

    [Fact]
    public async Task Put_WriterHasNothingToSendForLong_IsNotEnded()
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.SlabStreams);
        var time = new TestTimeProvider();
        await using var writer = new BlockWriter(store.Client, "prefill-0", TestSlabs.Epoch, time: time);
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0, 1]);
        await Eventually.TrueAsync(() => writer.SentSlabCount == 2 && time.NextDue is null);

        time.Advance(10 * BlockWriter.StallTime);
        TestStore.Enqueue(writer, TestSlabs.Id(1), [2]);

        Assert.Equal(3, (await writer.CompleteAsync().Soon()).SlabsStored);
    }

    private static async Task EndsByStallAsync(Task putting, TestTimeProvider time)
    {
        await Eventually.TrueAsync(() => time.NextDue is not null);
        await Eventually.TrueAsync(() =>
        {
            time.Advance(BlockWriter.StallTime / 4);
            return putting.IsCompleted;
        });
        RpcException error = await Assert.ThrowsAsync<RpcException>(() => putting);
        Assert.Equal(
            (StatusCode.DeadlineExceeded, $"it took or acknowledged nothing for {BlockWriter.StallTime.TotalSeconds} s"), (error.StatusCode, error.Status.Detail));
    }
}
