using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Tiers;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>Blocks made and compared, and a disk tier with small segments.</summary>
internal static class TestDisk
{
    public const long SegmentBytes = 16 << 10;
    public const long BudgetBytes = 16 * SegmentBytes;

    public static ColdBlock Block(SlabPool pool, int number, int layerCount = TestSlabs.LayerCount, int payloadBytes = TestSlabs.PayloadSizeBytes)
    {
        BlockId id = TestSlabs.Id(number);
        SlabLease[] slabs = [.. Enumerable.Range(0, layerCount).Select(layer => TestSlabs.Make(pool, id, layer, payloadSizeBytes: payloadBytes))];
        return new ColdBlock(id, BlockIdentity.Of(TestSlabs.Header(id, 0, payloadSizeBytes: payloadBytes), layerCount), slabs);
    }

    public static DiskTier Open(
        IDataFolder folder, SlabPool pool, TimeProvider? time = null, long budgetBytes = BudgetBytes, long segmentBytes = SegmentBytes, long queueBytes = 1 << 20) =>
        DiskTier.Open(
            folder,
            new DiskTierOptions { BudgetBytes = budgetBytes, SegmentSizeBytes = segmentBytes, QueueBytes = queueBytes },
            time ?? TimeProvider.System,
            NullLogger.Instance,
            pool);

    /// <summary>Writes blocks and waits until they are on disk.</summary>
    public static async Task WriteAsync(DiskTier tier, SlabPool pool, IEnumerable<int> numbers)
    {
        foreach (int number in numbers)
        {
            await tier.WaitForRoomAsync(default).Soon();
            tier.TryWrite(Block(pool, number));
        }

        await tier.FlushAsync(default).Soon();
    }

    /// <summary>Whether the block is there; if it is, it is right to the last byte.</summary>
    public static async Task<bool> IsRightAsync(IColdTier tier, int number, int layerCount = TestSlabs.LayerCount, int payloadBytes = TestSlabs.PayloadSizeBytes)
    {
        ColdRead read = await tier.ReadAsync(TestSlabs.Id(number)).Soon();
        using ColdBlock? block = read.Block;
        if (block is null)
        {
            return false;
        }

        Assert.Equal(layerCount, block.Slabs.Count);
        for (int layer = 0; layer < layerCount; layer++)
        {
            ReadOnlySpan<byte> expected = TestSlabs.Bytes(TestSlabs.Id(number), layer, payloadSizeBytes: payloadBytes);
            Assert.True(expected.SequenceEqual(block.Slabs[layer].Span), $"layer {layer} of block {number} has other bytes than were written");
        }

        return true;
    }

    public static async Task<List<int>> RightOnesAsync(IColdTier tier, IEnumerable<int> numbers)
    {
        var right = new List<int>();
        foreach (int number in numbers)
        {
            if (await IsRightAsync(tier, number))
            {
                right.Add(number);
            }
        }

        return right;
    }

    /// <summary>Ends a tier and proves that nothing is left of it.</summary>
    public static async Task CloseAsync(DiskTier tier, SlabPool pool)
    {
        await tier.FlushAsync(default).Soon();
        tier.CheckIntegrity();
        await tier.DisposeAsync().AsTask().Soon();
        pool.CheckIntegrity();
        Assert.Equal(0, pool.RentedCount);
    }
}
