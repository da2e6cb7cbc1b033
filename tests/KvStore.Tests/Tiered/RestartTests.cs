using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.ServiceDefaults.Hosting;
using KvCluster.V1;
using Microsoft.AspNetCore.Builder;

namespace KvCluster.KvStore.Tests.Tiered;

/// <summary>A shard with a data folder, over gRPC.</summary>
public sealed class RestartTests
{
    private const int BlockBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;
    private static readonly int[] Numbers = [.. Enumerable.Range(0, 20)];
    private static readonly string AllOfThem = Sorted(
        string.Join(' ', Numbers.SelectMany(number => Enumerable.Range(0, 3).Select(layer => $"{number}:{layer}"))));

    [Fact]
    public async Task Get_AfterARestart_IsServedFromDiskWithoutWaiting()
    {
        using var folder = new TestFolder();
        await using (TestStore store = await TestStore.StartAsync(budgetBytes: 10 * BlockBytes, dataFolder: folder.Path))
        {
            await store.PutAsync(Numbers.Select(TestSlabs.Id));
            Assert.Equal(AllOfThem, Sorted(await store.GetAllAsync(Numbers)));
        }

        await using TestStore again = await TestStore.StartAsync(budgetBytes: 10 * BlockBytes, dataFolder: folder.Path, httpListenAddress: "http://localhost:0");
        var request = new LookupRequest { LeaseMs = 10_000 };
        request.BlockIds.AddRange(Protocol.BlockIds.ToByteStrings(Numbers.Select(TestSlabs.Id)));
        LookupReply lookup = await again.Client.LookupAsync(request).ResponseAsync.Soon();
        Assert.Equal(Numbers.Length, lookup.HeldBlockCount);
        Assert.Equal(AllOfThem, Sorted(await again.GetAllAsync(Numbers)));
        StatReply stat = await again.StatAsync();
        Assert.Equal((Numbers.Length, Numbers.Length, Numbers.Length), (stat.Disk.BlockCount, stat.Disk.HeldBlockCount, stat.Disk.PromotedBlocks));
        Assert.Equal((2 * Numbers.Length, 0), (stat.Disk.HitBlocks, stat.MissBlocks));

        using var http = new HttpClient { BaseAddress = new Uri(again.Addresses[1]) };
        string metrics = await http.GetStringAsync("/metrics").Soon();
        Assert.Contains($"kvcluster_kvstore_disk_promoted_blocks_total {Numbers.Length}\n", metrics, StringComparison.Ordinal);
        Assert.Contains($"kvcluster_kvstore_disk_blocks {Numbers.Length}\n", metrics, StringComparison.Ordinal);
    }

    private static string Sorted(string words) => string.Join(' ', words.Split(' ').Order(StringComparer.Ordinal));

    [Fact]
    public async Task Start_FolderInUse_IsOneLineThatSaysWhatToDo()
    {
        using var folder = new TestFolder();
        await using TestStore store = await TestStore.StartAsync(dataFolder: folder.Path);
        await using WebApplication second = KvStoreHost.Create(new KvStoreOptions { ListenAddress = "http://localhost:0", DataFolder = folder.Path });
        HostStartException error = await Assert.ThrowsAsync<HostStartException>(() => ServiceHost.StartAsync(second).Soon());
        Assert.Contains("choose another folder", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
