using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Format;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>What a crash, a torn write or a damaged bit leaves is found, and never gives wrong bytes.</summary>
public sealed class CrashTests
{
    private const int BlockCount = 12;
    private static readonly int[] Numbers = [.. Enumerable.Range(0, BlockCount)];

    [Fact]
    public async Task Open_CutAtEveryByte_FindsExactlyTheWholeRecords()
    {
        var pool = new SlabPool();
        (MemoryFolder image, string name, long[] ends) = await UnsealedAsync(pool, blockCount: 3);
        byte[] whole = image.Bytes(name);
        for (int length = 0; length <= whole.Length; length++)
        {
            MemoryFolder torn = image.Copy();
            torn.SetBytes(name, whole[..length]);
            int wholeCount = ends.Count(end => end <= length);
            for (int start = 0; start < 2; start++)
            {
                DiskTier tier = TestDisk.Open(torn, pool);
                Assert.Equal(wholeCount, tier.Stat().BlockCount);
                Assert.Equal(Enumerable.Range(0, wholeCount), await TestDisk.RightOnesAsync(tier, Numbers));
                await TestDisk.CloseAsync(tier, pool);
            }
        }
    }

    [Fact]
    public async Task Open_CutTailThenMoreWrites_KeepsBoth()
    {
        var pool = new SlabPool();
        (MemoryFolder image, string name, _) = await UnsealedAsync(pool, blockCount: 3);
        image.SetBytes(name, image.Bytes(name)[..^100]);
        DiskTier tier = TestDisk.Open(image, pool);
        await TestDisk.WriteAsync(tier, pool, [2, 3]);
        await TestDisk.CloseAsync(tier, pool);

        tier = TestDisk.Open(image, pool);
        Assert.Equal([0, 1, 2, 3], await TestDisk.RightOnesAsync(tier, Numbers));
        await TestDisk.CloseAsync(tier, pool);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Read_AnyBitFlipped_GivesRightBytesOrNoneAndLosesOneBlockAtMost(bool isSealed)
    {
        var pool = new SlabPool();
        (MemoryFolder image, string name, _) = await UnsealedAsync(pool, BlockCount);
        if (isSealed)
        {
            await TestDisk.CloseAsync(TestDisk.Open(image, pool), pool);
        }

        byte[] whole = image.Bytes(name);
        var random = new Random(4);
        for (int flip = 0; flip < 5_000; flip++)
        {
            int bit = random.Next(8 * whole.Length);
            byte[] bytes = [.. whole];
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            MemoryFolder damaged = image.Copy();
            damaged.SetBytes(name, bytes);
            DiskTier tier = TestDisk.Open(damaged, pool);
            int rightCount = (await TestDisk.RightOnesAsync(tier, Numbers)).Count;
            Assert.True(rightCount >= BlockCount - 1, $"bit {bit} cost {BlockCount - rightCount} blocks");
            Assert.Equal(rightCount, tier.Stat().BlockCount);
            await TestDisk.CloseAsync(tier, pool);
        }
    }

    [Fact]
    public async Task Read_BitFlippedWhileOpen_IsCountedAndDroppedForGood()
    {
        var pool = new SlabPool();
        (MemoryFolder image, string name, long[] ends) = await UnsealedAsync(pool, BlockCount);
        DiskTier tier = TestDisk.Open(image, pool);
        using (KvStore.Disk.Files.IDiskFile file = image.Open(name))
        {
            file.Write([new byte[] { 0xFF, 0, 0xFF }], ends[4] - 100);
        }

        Assert.Equal(Numbers.Except([4]), await TestDisk.RightOnesAsync(tier, Numbers));
        Assert.Equal(1, tier.Counters.CorruptBlocks);
        Assert.False(tier.TryGetSize(TestSlabs.Id(4), out _));
        await TestDisk.CloseAsync(tier, pool);

        tier = TestDisk.Open(image, pool);
        Assert.Equal(BlockCount - 1, tier.Stat().BlockCount);
        await TestDisk.CloseAsync(tier, pool);
    }

    /// <summary>What a crash leaves: one segment without a footer; and where its records end.</summary>
    private static async Task<(MemoryFolder Image, string Name, long[] Ends)> UnsealedAsync(SlabPool pool, int blockCount)
    {
        using var folder = new MemoryFolder();
        DiskTier tier = TestDisk.Open(folder, pool, segmentBytes: 1 << 20, budgetBytes: 16 << 20);
        await TestDisk.WriteAsync(tier, pool, Enumerable.Range(0, blockCount));
        MemoryFolder image = folder.Copy();
        await TestDisk.CloseAsync(tier, pool);
        string name = Assert.Single(image.FileNames());
        long recordBytes = RecordHeader.LengthOf(TestSlabs.LayerCount, TestSlabs.LayerCount * TestSlabs.SizeBytes, isSealed: false);
        return (image, name, [.. Enumerable.Range(1, blockCount).Select(count => SegmentHeader.SizeBytes + (count * recordBytes))]);
    }
}
