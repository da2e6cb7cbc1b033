using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Quotas;

/// <summary>A memory tier alone, with a clock that tests move.</summary>
internal sealed class TestMemory : IDisposable
{
    public const long BlockBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;

    private readonly SlabPool _pool = new();

    public TestMemory(int budgetBlocks, MemoryTierOptions options) => Tier = new MemoryTier(budgetBlocks * BlockBytes, Time, options: options);

    public TestTimeProvider Time { get; } = new();

    public MemoryTier Tier { get; }

    public static BlockId Owner(int number) => BlockIdChain.OwnerOf(TestSlabs.Id(1000 + number));

    /// <summary>Whether all of it was stored.</summary>
    public bool Put(int number, BlockId owner = default)
    {
        PutSession session = Tier.BeginPut("worker", TestSlabs.Epoch, owner)!;
        bool isStored = true;
        for (int layer = 0; layer < TestSlabs.LayerCount && isStored; layer++)
        {
            BlockId id = TestSlabs.Id(number);
            var slab = new VerifiedSlab(TestSlabs.Header(id, layer), TestSlabs.LayerCount, TestSlabs.Make(_pool, id, layer), false);
            isStored = Tier.Add(session, slab).Result is PutResult.Stored or PutResult.Known;
        }

        Tier.EndPut(session);
        Tier.CheckIntegrity(_pool);
        return isStored;
    }

    /// <summary>Whether the block is here, without using it.</summary>
    public bool Has(int number) => Tier.Share(TestSlabs.Id(number)) is { } share && Released(share);

    public void Dispose()
    {
        Tier.CheckIntegrity(_pool);
        Tier.Dispose();
        Assert.Equal(0, _pool.RentedCount);
    }

    private static bool Released(ColdBlock share)
    {
        share.Dispose();
        return true;
    }
}
