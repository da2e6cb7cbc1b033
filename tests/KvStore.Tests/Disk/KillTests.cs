using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A real store process is killed in the middle of writes, again and again, on one folder.</summary>
public sealed class KillTests
{
    private const int Rounds = 8;
    private const long RoundBytes = 12 * TestSlabs.LayerCount * LargePayloadBytes;
    private const int LargePayloadBytes = 48 << 10;
    private const long MemoryBytes = 2 << 20;
    private const long DiskBytes = 64 << 20;

    [Fact]
    public async Task Kill_InTheMiddleOfWrites_NoBlockEverHasOtherBytes()
    {
        using var folder = new TestFolder();
        var pool = new SlabPool();
        var random = new Random(9);
        int next = 0;
        int foundCount = 0;
        for (int round = 0; round < Rounds; round++)
        {
            long startBytes = FileBytes(folder);
            await using (StoreProcess store = await StoreProcess.StartAsync(folder.Path, MemoryBytes, DiskBytes))
            {
                Assert.NotNull(store.Channel);
                var client = new V1.KvStore.KvStoreClient(store.Channel);
                using var stop = new CancellationTokenSource();
                Task<int> load = PutUntilGoneAsync(client, next, stop.Token);
                await Eventually.TrueAsync(() => FileBytes(folder) > Math.Min(startBytes + RoundBytes, DiskBytes / 2));
                using var delay = new PeriodicTimer(TimeSpan.FromMilliseconds(50 + random.Next(500)));
                await delay.WaitForNextTickAsync();
                await store.KillAsync();
                await stop.CancelAsync();
                next = await load.Soon();
            }

            DiskTier tier = DiskTier.Open(
                DataFolder.Acquire(folder.Path),
                new DiskTierOptions { BudgetBytes = DiskBytes },
                TimeProvider.System,
                Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
                pool);
            tier.CheckIntegrity();
            int count = tier.Stat().BlockCount;
            int right = 0;
            for (int number = 0; number < next; number++)
            {
                right += await TestDisk.IsRightAsync(tier, number, payloadBytes: LargePayloadBytes) ? 1 : 0;
            }

            Assert.Equal((count, 0L), (right, tier.Counters.CorruptBlocks - tier.Counters.FailedReads));
            foundCount += count;
            await TestDisk.CloseAsync(tier, pool);
        }

        Assert.True(foundCount > Rounds * 10, $"{foundCount} blocks were on disk after {Rounds} kills");
    }

    [Fact]
    public async Task Start_FolderOfARunningStore_IsOneLineThatNamesTheFile()
    {
        using var folder = new TestFolder();
        await using StoreProcess first = await StoreProcess.StartAsync(folder.Path, MemoryBytes, DiskBytes);
        Assert.NotNull(first.Channel);
        await using StoreProcess second = await StoreProcess.StartAsync(folder.Path, MemoryBytes, DiskBytes);
        (int exitCode, string errors) = await second.EndAsync();
        Assert.Equal(1, exitCode);
        Assert.Contains($"error: {Path.Combine(folder.Path, "lock")}", errors, StringComparison.Ordinal);
    }

    private static long FileBytes(TestFolder folder) => Directory.GetFiles(folder.Path, "*.kvs").Sum(file => new FileInfo(file) is { Exists: true } info ? info.Length : 0);

    /// <returns>The number after the last block that was begun.</returns>
    private static async Task<int> PutUntilGoneAsync(V1.KvStore.KvStoreClient client, int next, CancellationToken stop)
    {
        try
        {
            while (!stop.IsCancellationRequested)
            {
                await using var writer = new BlockWriter(client, "prefill-0", TestSlabs.Epoch, cancellationToken: stop);
                for (int i = 0; i < 20; i++, next++)
                {
                    BlockId id = TestSlabs.Id(next);
                    for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
                    {
                        writer.Enqueue(id, layer, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, id, layer, payloadSizeBytes: LargePayloadBytes));
                    }
                }

                await writer.CompleteAsync().Soon();
            }
        }
        catch (Exception error) when (error is RpcException or OperationCanceledException)
        {
            // The store is gone.
        }

        return next;
    }
}
