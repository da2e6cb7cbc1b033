using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

public abstract class PutGetTests(Transport transport)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Get_AfterPut_GivesTheSameBytes()
    {
        await using TestStore store = await StartAsync();
        BlockWriteResult result = await store.PutAsync([TestSlabs.Id(1), TestSlabs.Id(2)]);

        Assert.Equal(new BlockWriteResult(6, 6L * TestSlabs.SizeBytes, 6, 6L * TestSlabs.SizeBytes, 0, 0), result);
        Assert.Equal("2:0 2:1 2:2 1:0 1:1 1:2 3:Missing", await store.GetAllAsync([2, 1, 3]));
        StatReply stat = await store.StatAsync();
        Assert.Equal((6, 6L * TestSlabs.SizeBytes), (stat.PutSlabs, stat.PutBytes));
        Assert.Equal((6, 6L * TestSlabs.SizeBytes), (stat.GetSlabs, stat.GetBytes));
        Assert.Equal((2, 1, 0), (stat.HitBlocks, stat.MissBlocks, stat.CutThroughSlabs));
    }

    [Fact]
    public async Task Get_OverUnixSocket_GivesTheSameBytes()
    {
        string path = Path.Combine(Path.GetTempPath(), $"kvstore-{Guid.NewGuid():N}.sock");
        await using TestStore store = await TestStore.StartAsync(listenAddress: $"unix://{path}");
        Assert.Equal([$"unix://{path}"], store.Addresses);
        await store.PutAsync([TestSlabs.Id(1)]);
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
    }

    [Fact]
    public async Task Get_BeforePut_GetsEachSlabBeforeTheNextIsPut()
    {
        await using TestStore store = await StartAsync();
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1), TestSlabs.Id(2)], Patience);
        await using BlockWriter writer = store.Writer();
        int[] order = [1, 2];

        // As prefill writes: layer by layer over all blocks of a chunk.
        for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
        {
            foreach (int block in order)
            {
                TestStore.Enqueue(writer, TestSlabs.Id(block), [layer]);
                Assert.True(await arrivals.MoveNextAsync().Soon());
                Assert.Equal($"{block}:{layer}", TestStore.Consume(arrivals.Current, order));
            }
        }

        Assert.False(await arrivals.MoveNextAsync().Soon());
        Assert.Equal(6, (await writer.CompleteAsync().Soon()).SlabsStored);
        StatReply stat = await store.StatAsync();
        Assert.Equal(4, stat.CutThroughSlabs);
    }

    [Fact]
    public async Task Get_InTheMiddleOfAPut_GetsTheEarlierLayersFirst()
    {
        await using TestStore store = await StartAsync();
        await using BlockWriter writer = store.Writer();
        TestStore.Enqueue(writer, TestSlabs.Id(1), [2, 0]);
        await store.EventuallyAsync(stat => stat.PutSlabs == 2);

        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], Patience);
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:0", TestStore.Consume(arrivals.Current, [1]));
        TestStore.Enqueue(writer, TestSlabs.Id(1), [1]);
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:1", TestStore.Consume(arrivals.Current, [1]));
        Assert.True(await arrivals.MoveNextAsync().Soon());
        Assert.Equal("1:2", TestStore.Consume(arrivals.Current, [1]));
        Assert.False(await arrivals.MoveNextAsync().Soon());
        await writer.CompleteAsync().Soon();
    }

    [Fact]
    public async Task Get_BlockThatNeverComes_IsMissingAfterTheWait()
    {
        await using TestStore store = await StartAsync();
        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], TimeSpan.FromSeconds(10));
        ValueTask<bool> next = arrivals.MoveNextAsync();
        await store.EventuallyAsync(stat => stat.WaitingReaderCount == 1);

        store.Time.Advance(TimeSpan.FromSeconds(9.9));
        Assert.Equal(1, (await store.StatAsync()).WaitingReaderCount);

        // It counts as waiting a moment before its timer runs, which may so be due later.
        Task<bool> missing = next.AsTask();
        await Eventually.TrueAsync(() =>
        {
            store.Time.Advance(TimeSpan.FromSeconds(0.2));
            return missing.IsCompleted;
        });
        Assert.True(await missing);
        Assert.Equal(SlabStatus.Missing, arrivals.Current.Status);
        Assert.False(await arrivals.MoveNextAsync().Soon());
    }

    [Fact]
    public async Task Get_TransientBlock_IsGoneAfterOneDelivery()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)], transient: true);
        Assert.Equal("1:0 1:1 1:2", await store.GetAllAsync([1]));
        Assert.Equal("1:Missing", await store.GetAllAsync([1]));
        Assert.Equal(0, (await store.StatAsync()).ByteCount);
    }

    [Fact]
    public async Task Get_ReaderDisconnects_ItsBlocksAreReleased()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        using var gone = new CancellationTokenSource();
        IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(2), TestSlabs.Id(3)], Patience, gone.Token);
        ValueTask<bool> next = arrivals.MoveNextAsync();
        await store.EventuallyAsync(stat => stat.WaitingReaderCount == 2);

        await gone.CancelAsync();

        await TestStore.FailsAsync(next.AsTask());
        await arrivals.DisposeAsync();
        StatReply after = await store.EventuallyAsync(stat => stat.WaitingReaderCount == 0);
        Assert.Equal((0, 1), (after.ReadBlockCount, after.BlockCount));
    }

    [Fact]
    public async Task Put_BlockThatIsHeld_IsKnownAndItsBytesDropped()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        BlockWriteResult again = await store.PutAsync([TestSlabs.Id(1)]);
        Assert.Equal((0, 3, 0), (again.SlabsStored, again.SlabsKnown, again.IncompleteBlocks));
        Assert.Equal(3L * TestSlabs.SizeBytes, (await store.StatAsync()).ByteCount);
    }

    [Fact]
    public async Task Put_EndsWithLayersMissing_DropsTheBlockAndSaysSo()
    {
        await using TestStore store = await StartAsync();
        await using BlockWriter writer = store.Writer();
        TestStore.Enqueue(writer, TestSlabs.Id(1), [0, 1]);
        TestStore.Enqueue(writer, TestSlabs.Id(2), [0, 1, 2]);
        BlockWriteResult result = await writer.CompleteAsync().Soon();
        Assert.Equal((5, 1), (result.SlabsStored, result.IncompleteBlocks));
        StatReply stat = await store.StatAsync();
        Assert.Equal((1, 1, 0), (stat.BlockCount, stat.AbortedBlocks, stat.PendingBlockCount));
    }

    [Fact]
    public async Task PutGet_ManyAtOnce_EverySlabIsItsSource()
    {
        const int Pairs = 32;
        const int BlocksEach = 12;
        await using TestStore store = await StartAsync();
        var work = new List<Task>();
        for (int pair = 0; pair < Pairs; pair++)
        {
            // Neighbours share half of their blocks, so two writers often put the same one.
            int[] blocks = [.. Enumerable.Range(pair * BlocksEach / 2, BlocksEach)];
            string worker = $"prefill-{pair}";
            work.Add(Task.Run(() => store.GetAllAsync(blocks, Patience)));
            work.Add(Task.Run(async () =>
            {
                await using BlockWriter writer = store.Writer(worker);
                for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
                {
                    foreach (int block in blocks)
                    {
                        TestStore.Enqueue(writer, TestSlabs.Id(block), [layer]);
                    }
                }

                BlockWriteResult result = await writer.CompleteAsync();
                Assert.Equal(BlocksEach * TestSlabs.LayerCount, result.SlabsStored + result.SlabsKnown);
                return "";
            }));
        }

        await Task.WhenAll(work).Soon();

        foreach (Task<string> reader in work.OfType<Task<string>>())
        {
            string seen = await reader;
            Assert.True(seen.Length == 0 || seen.Split(' ').Length == BlocksEach * TestSlabs.LayerCount, seen);
            Assert.DoesNotContain("Missing", seen, StringComparison.Ordinal);
        }

        StatReply stat = await store.StatAsync();
        Assert.Equal((Pairs + 1) * BlocksEach / 2, stat.BlockCount);
        Assert.Equal(stat.BlockCount * TestSlabs.LayerCount, stat.PutSlabs);
        Assert.Equal(Pairs * BlocksEach * TestSlabs.LayerCount, stat.GetSlabs);
    }

    private Task<TestStore> StartAsync(long budgetBytes = TestStore.DefaultBudgetBytes) => TestStore.StartAsync(budgetBytes, transport: transport);
}
