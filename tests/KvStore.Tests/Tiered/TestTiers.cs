using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Tiered;

/// <summary>A tiered store over a disk tier, spoken to as the gRPC service does.</summary>
internal sealed class TestTiers : IAsyncDisposable
{
    public const int BlockBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;

    private readonly SlabPool _pool;

    public TestTiers(IDataFolder folder, SlabPool pool, TestTimeProvider time, int memoryBlocks = 3, long diskBytes = TestDisk.BudgetBytes, long unprovenBytesPerSecond = 1 << 30, RedisTier? redis = null, MemoryTierOptions? options = null)
    {
        _pool = pool;
        Disk = TestDisk.Open(folder, pool, time, diskBytes, Math.Min(TestDisk.SegmentBytes, diskBytes / 8));
        IColdTier[] below = redis is null ? [Disk] : [Disk, redis];
        Store = new TieredStore(
            memoryBlocks * BlockBytes,
            [.. below.Select(tier => new ColdLevel(tier, new WriteAdmission(time, unprovenBytesPerSecond, unprovenBytesPerSecond)))],
            time,
            options);
    }

    public DiskTier Disk { get; }

    public TieredStore Store { get; }

    /// <summary>Puts some layers of a block and ends the Put; the results of each layer.</summary>
    public List<PutResult> Put(int number, bool transient = false, int layerCount = TestSlabs.LayerCount, BlockId owner = default)
    {
        PutSession session = Store.BeginPut("worker", TestSlabs.Epoch, owner)!;
        BlockId id = TestSlabs.Id(number);
        List<PutResult> results = [.. Enumerable.Range(0, layerCount).Select(layer => Store.Add(
            session,
            new VerifiedSlab(TestSlabs.Header(id, layer), TestSlabs.LayerCount, TestSlabs.Make(_pool, id, layer), transient)).Result)];
        Store.EndPut(session);
        return results;
    }

    public void PutAll(IEnumerable<int> numbers)
    {
        foreach (int number in numbers)
        {
            Assert.All(Put(number), result => Assert.True(result is PutResult.Stored or PutResult.Known));
        }
    }

    /// <summary>What a Get that does not wait says, sorted: blocks delivered, each slab compared with its source, and "n:Lost".</summary>
    public async Task<string> ReadAsync(params int[] numbers)
    {
        ReadSession session = Store.OpenRead([.. numbers.Select(TestSlabs.Id)]);
        return await ReadOnAsync(session, numbers);
    }

    public async Task<string> ReadOnAsync(ReadSession session, params int[] numbers)
    {
        Dictionary<BlockId, int> numberOf = numbers.ToDictionary(TestSlabs.Id);
        var seen = new List<string>();
        try
        {
            for (ReadStep step = Store.Read(session); step.Kind != ReadStepKind.Finished; step = Store.Read(session))
            {
                if (step.Kind == ReadStepKind.Idle)
                {
                    if (!step.IsFetching)
                    {
                        break;
                    }

                    await step.Wake!.Soon();
                    continue;
                }

                int number = numberOf[step.Cursor!.BlockId];
                if (step.Slab is not { } slab)
                {
                    seen.Add($"{number}:{step.Kind}");
                    continue;
                }

                using (slab)
                {
                    Assert.Equal(TestSlabs.Bytes(step.Cursor.BlockId, step.Layer), slab.Span.ToArray());
                }

                if (step.Layer + 1 == step.LayerCount)
                {
                    Store.Delivered(step.Cursor);
                    seen.Add($"{number}");
                }
            }
        }
        finally
        {
            Store.CloseRead(session);
        }

        return string.Join(' ', seen.Order(StringComparer.Ordinal));
    }

    public int Lookup(IEnumerable<int> numbers) => Store.Lookup([.. numbers.Select(TestSlabs.Id)], TimeSpan.Zero, out _);

    public string Lease(params int[] numbers)
    {
        Assert.Equal(numbers.Length, Store.Lookup([.. numbers.Select(TestSlabs.Id)], TimeSpan.FromSeconds(30), out string leaseId));
        return leaseId;
    }

    /// <summary>After reads that nobody waits for any more.</summary>
    public async Task CheckIntegrityAsync()
    {
        await Eventually.TrueAsync(() => Disk.ReaderCount() == 0);
        Store.Memory.CheckIntegrity();
        Disk.CheckIntegrity();
    }

    /// <summary>As a process that is killed: nothing that only memory holds is kept.</summary>
    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync().AsTask().Soon();
        await Disk.DisposeAsync().AsTask().Soon();
        _pool.CheckIntegrity();
        Assert.Equal(0, _pool.RentedCount);
    }
}
