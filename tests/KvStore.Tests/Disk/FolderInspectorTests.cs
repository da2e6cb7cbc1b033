using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Disk.Inspection;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.KvStore.Tests.Disk;

public sealed class FolderInspectorTests
{
    private readonly SlabPool _pool = new();

    [Fact]
    public async Task Inspect_DamagedBlock_IsNamedAndNothingIsChanged()
    {
        using var folder = new TestFolder();
        DiskTier tier = TestDisk.Open(DataFolder.Acquire(folder.Path), _pool);
        await TestDisk.WriteAsync(tier, _pool, [1, 2, 3]);
        Assert.Contains("Another KvStore", Assert.Throws<HostStartException>(() => FolderInspector.Inspect(folder.Path, verifies: true).ToList()).Message, StringComparison.Ordinal);
        await TestDisk.CloseAsync(tier, _pool);
        SegmentReport sound = Assert.Single(FolderInspector.Inspect(folder.Path, verifies: true));
        Assert.Equal((true, 3, 0), (sound.IsSealed, sound.BlockCount, sound.Problems.Count));

        byte[] bytes = await File.ReadAllBytesAsync(folder.Segment(0));
        bytes[64 + 1664 + 500] ^= 1;
        await File.WriteAllBytesAsync(folder.Segment(0), bytes);
        SegmentReport damaged = Assert.Single(FolderInspector.Inspect(folder.Path, verifies: true));
        Assert.Equal(2, damaged.BlockCount);
        Assert.Contains($"block {TestSlabs.Id(2)} at byte {64 + 1664} is damaged", Assert.Single(damaged.Problems), StringComparison.Ordinal);
        Assert.Empty(Assert.Single(FolderInspector.Inspect(folder.Path, verifies: false)).Problems);

        await File.WriteAllBytesAsync(folder.Segment(0), bytes[..^10]);
        SegmentReport cut = Assert.Single(FolderInspector.Inspect(folder.Path, verifies: false));
        Assert.Equal((false, 2), (cut.IsSealed, cut.BlockCount));
        Assert.Contains(cut.Problems, problem => problem.StartsWith("it has no whole footer", StringComparison.Ordinal));
        Assert.Contains(cut.Problems, problem => problem.StartsWith("1 blocks are damaged", StringComparison.Ordinal));
        Assert.Equal(bytes[..^10], await File.ReadAllBytesAsync(folder.Segment(0)));
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Find_SealedBlock_IsReadWithItsKeyAndNamedWithout()
    {
        using var folder = new TestFolder();
        DiskTier tier = DiskTier.Open(
            DataFolder.Acquire(folder.Path),
            new DiskTierOptions { BudgetBytes = TestDisk.BudgetBytes, SegmentSizeBytes = TestDisk.SegmentBytes },
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance,
            _pool,
            Isolation.TestKeys.Cipher("a"));
        await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(0, 30));
        tier.Drop(TestSlabs.Id(3));
        await TestDisk.CloseAsync(tier, _pool);

        FoundBlock found = FolderInspector.Find(folder.Path, TestSlabs.Id(20), Isolation.TestKeys.Setting("b", "a"))!;
        Assert.Null(found.Problem);
        Assert.Equal(TestSlabs.LayerCount, found.Slabs.Count);
        Assert.All(Enumerable.Range(0, TestSlabs.LayerCount), layer => Assert.Equal(TestSlabs.Bytes(TestSlabs.Id(20), layer), found.Slabs[layer].ToArray()));
        Assert.Null(FolderInspector.Find(folder.Path, TestSlabs.Id(3)));
        Assert.Null(FolderInspector.Find(folder.Path, TestSlabs.Id(77)));
        FoundBlock foreign = FolderInspector.Find(folder.Path, TestSlabs.Id(20))!;
        Assert.Contains("is not among the encryption keys", foreign.Problem, StringComparison.Ordinal);
        Assert.Empty(foreign.Slabs);

        // Both ways of verifying find the same damage.
        byte[] bytes = await File.ReadAllBytesAsync(folder.Segment(0));
        bytes[64 + 500] ^= 1;
        await File.WriteAllBytesAsync(folder.Segment(0), bytes);
        foreach (string keys in new[] { "", Isolation.TestKeys.Setting("a") })
        {
            Assert.Single(FolderInspector.Inspect(folder.Path, verifies: true, keys).SelectMany(segment => segment.Problems));
        }

        Assert.Equal("it is damaged", FolderInspector.Find(folder.Path, TestSlabs.Id(0))!.Problem);
        Assert.Throws<HostStartException>(() => FolderInspector.Find(folder.Path, TestSlabs.Id(0), "a=wrong"));
        Assert.Equal(0, SlabPool.Shared.RentedCount);
    }

    [Fact]
    public void Inspect_NoFolder_Says() =>
        Assert.Contains("there is no folder", Assert.Throws<HostStartException>(() => FolderInspector.Inspect("/no/such/folder", verifies: false).ToList()).Message, StringComparison.Ordinal);
}
