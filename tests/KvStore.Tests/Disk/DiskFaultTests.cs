using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Files;

namespace KvCluster.KvStore.Tests.Disk;

/// <summary>A file system that is really full, and a writer that stops for good.</summary>
public sealed class DiskFaultTests
{
    private readonly SlabPool _pool = new();

    [Fact]
    public async Task TryWrite_FileSystemIsFull_KeepsWhatItHasAndGoesOnWhenThereIsRoom()
    {
        using var folder = new TestFolder();
        Assert.SkipUnless(await MountAsync(folder.Path, "1m"), "only root may mount a file system");
        try
        {
            string filler = Path.Combine(folder.Path, "filler");
            string data = Directory.CreateDirectory(Path.Combine(folder.Path, "data")).FullName;
            var time = new TestTimeProvider();
            DiskTier tier = TestDisk.Open(DataFolder.Acquire(data), _pool, time, budgetBytes: 64 << 20);
            await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(0, 20));
            await Assert.ThrowsAsync<IOException>(() => File.WriteAllBytesAsync(filler, new byte[2 << 20]));
            await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(20, 20));
            Assert.True(tier.Counters.FailedWrites > 0);
            Assert.True(tier.Counters.PausedSkips > 0);
            List<int> right = await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 40));
            Assert.Equal(Enumerable.Range(0, 20), right.Take(20));

            File.Delete(filler);
            time.Advance(TimeSpan.FromSeconds(6));
            await TestDisk.WriteAsync(tier, _pool, Enumerable.Range(40, 20));
            Assert.Equal([.. right, .. Enumerable.Range(40, 20)], await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 60)));
            await TestDisk.CloseAsync(tier, _pool);

            tier = TestDisk.Open(DataFolder.Acquire(data), _pool, budgetBytes: 64 << 20);
            Assert.Equal([.. right, .. Enumerable.Range(40, 20)], await TestDisk.RightOnesAsync(tier, Enumerable.Range(0, 60)));
            await TestDisk.CloseAsync(tier, _pool);
        }
        finally
        {
            await RunAsync("umount", "-l", folder.Path);
        }
    }

    [Fact]
    public async Task FlushAsync_WriterStopsForAFaultOfOurs_SaysSoAndReadsGoOn()
    {
        using var memory = new MemoryFolder();
        using var folder = new FaultyFolder(memory);
        DiskTier tier = TestDisk.Open(folder, _pool);
        await TestDisk.WriteAsync(tier, _pool, [1]);
        folder.StopWrites();
        Assert.True(tier.TryWrite(TestDisk.Block(_pool, 2)));
        Task flushed = tier.FlushAsync(default);
        folder.WriteError = new InvalidOperationException("a fault of ours");
        folder.ResumeWrites();

        IOException error = await Assert.ThrowsAsync<IOException>(() => flushed.Soon());
        Assert.Contains("a fault of ours", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => tier.FlushAsync(default).Soon());
        Assert.False(tier.TryWrite(TestDisk.Block(_pool, 3)));
        await tier.WaitForRoomAsync(default).Soon();
        Assert.Equal([1], await TestDisk.RightOnesAsync(tier, [1, 2, 3]));
        await tier.DisposeAsync().AsTask().Soon();
        Assert.Equal(0, _pool.RentedCount);
    }

    private static async Task<bool> MountAsync(string path, string size) =>
        OperatingSystem.IsLinux() && await RunAsync("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", path);

    private static async Task<bool> RunAsync(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        await process.StandardError.ReadToEndAsync().Soon();
        await process.WaitForExitAsync().Soon();
        return process.ExitCode == 0;
    }
}
