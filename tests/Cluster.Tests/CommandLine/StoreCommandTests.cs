using Grpc.Net.Client;
using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Cluster.Tests.CommandLine;

/// <summary><c>kvcluster store</c> on a running shard and on the folder it leaves.</summary>
public sealed class StoreCommandTests : IDisposable
{
    private static readonly BlockId Id = new(0x0123456789ABCDEF);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory("kvcluster-tests-");

    public void Dispose() => _scratch.Delete(recursive: true);

    [Fact]
    public async Task Store_LiveShardAndItsFolder_GetsDrainsAndVerifiesABlock()
    {
        string folder = Path.Combine(_scratch.FullName, "data");
        await using (WebApplication shard = KvStoreHost.Create(new KvStoreOptions
        {
            ListenAddress = "http://127.0.0.1:0",
            MemoryBudgetBytes = 16 << 20,
            DataFolder = folder,
            DiskBudgetBytes = 64 << 20,
        }))
        {
            await ServiceHost.StartAsync(shard, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
            string address = ServiceHost.Addresses(shard.Services)[0];
            await PutAsync(address);

            (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync("store", "drain", address);
            Assert.True(exitCode == 0, errors);
            Assert.Contains("1 of 1 blocks, 1 were not there: done", output, StringComparison.Ordinal);

            (exitCode, output, _) = await KvClusterProcess.RunAsync("store", "stat", address);
            Assert.Equal(0, exitCode);
            Assert.Contains("\"disk\": {", output, StringComparison.Ordinal);
            Assert.Contains("\"writtenBlocks\": \"1\"", output, StringComparison.Ordinal);
            await GetAsync(address);

            (exitCode, _, errors) = await KvClusterProcess.RunAsync("store", "get", address, $"{new BlockId(5)}");
            Assert.Equal(1, exitCode);
            Assert.Contains("Missing", errors, StringComparison.Ordinal);
            await shard.StopAsync(TestContext.Current.CancellationToken);
        }

        await GetAsync(folder);
        (int verified, string report, _) = await KvClusterProcess.RunAsync("store", "verify", folder);
        Assert.Equal(0, verified);
        Assert.Contains("1 blocks", report, StringComparison.Ordinal);
        (int missing, _, string problem) = await KvClusterProcess.RunAsync("store", "get", folder, $"{new BlockId(5)}");
        Assert.Equal(1, missing);
        Assert.Contains("does not hold block", problem, StringComparison.Ordinal);
        (int bad, _, problem) = await KvClusterProcess.RunAsync("store", "get", folder, "block");
        Assert.Equal(2, bad);
        Assert.Contains("'block' is not a BlockId", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pin_BlocksOfALiveShard_AreKeptUntilUnpinned()
    {
        await using WebApplication shard = KvStoreHost.Create(new KvStoreOptions { ListenAddress = "http://127.0.0.1:0", MemoryBudgetBytes = 16 << 20 });
        await ServiceHost.StartAsync(shard, TestContext.Current.CancellationToken).WaitAsync(Patience, TestContext.Current.CancellationToken);
        string address = ServiceHost.Addresses(shard.Services)[0];
        await PutAsync(address);
        MemoryTier memory = shard.Services.GetRequiredService<MemoryTier>();

        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync("store", "pin", address, $"{new BlockId(5)}", $"{Id}", "--for", "90s");
        Assert.True(exitCode == 0, errors);
        Assert.StartsWith("1 of 2 Blocks pinned for 00:01:30: ", output, StringComparison.Ordinal);
        Assert.True(memory.Stat().PinnedByteCount > 0);

        (exitCode, _, errors) = await KvClusterProcess.RunAsync("store", "unpin", address, output.Trim().Split(' ')[^1]);
        Assert.True(exitCode == 0, errors);
        Assert.Equal(0, memory.Stat().PinnedByteCount);
        memory.CheckIntegrity();

        foreach ((int expected, string reason, string[] arguments) in new (int, string, string[])[]
        {
            (1, "holds none of these 1 Blocks", [$"{new BlockId(5)}"]),
            (1, "KvStore:MaxPinTime", [$"{Id}", "--for", "30d"]),
            (2, "--for: must be a time", [$"{Id}", "--for", "soon"]),
            (2, "'block' is not a BlockId", ["block"]),
            (2, "name the Blocks, or give a --prompt", []),
            (2, "fill no Block of 64", ["--prompt", "short"]),
        })
        {
            (exitCode, _, errors) = await KvClusterProcess.RunAsync(["store", "pin", address, .. arguments]);
            Assert.Equal(expected, exitCode);
            Assert.Contains(reason, errors, StringComparison.Ordinal);
        }

        await shard.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Pin_APromptThatWasServed_PinsAllItsBlocks()
    {
        await using TestCluster cluster = await TestCluster.StartAsync("int4");
        string prompt = Prompts.Of("line_retrieval_20");
        Answer answer = await cluster.Inference.AskAsync(prompt, tenant: "me");
        await cluster.WaitUntilIdleAsync();
        int blockCount = answer.Usage.PromptTokens / 64;
        string[] pin = ["store", "pin", cluster.StoreAddress, "--kv", "int4", "--prompt", prompt];

        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync([.. pin, "--tenant", "me"]);
        Assert.True(exitCode == 0, errors);
        Assert.StartsWith($"{blockCount} of {blockCount} Blocks pinned for 01:00:00: ", output, StringComparison.Ordinal);
        Assert.True((await cluster.StatAsync()).PinnedByteCount > 0);
        Assert.Equal(1, (await KvClusterProcess.RunAsync([.. pin, "--tenant", "other"])).ExitCode);
    }

    private async Task GetAsync(string place)
    {
        string save = Path.Combine(_scratch.FullName, Path.GetRandomFileName());
        (int exitCode, string output, string errors) = await KvClusterProcess.RunAsync("store", "get", place, $"{Id}", "--save", save);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("layer 2 of 2", output, StringComparison.Ordinal);
        Assert.Contains("header and payload checksums are right", output, StringComparison.Ordinal);
        for (int layer = 0; layer < 2; layer++)
        {
            Assert.Equal(SlabOf(layer), await File.ReadAllBytesAsync(Path.Combine(save, $"{Id}-{layer}.slab"), TestContext.Current.CancellationToken));
        }
    }

    private static async Task PutAsync(string address)
    {
        using GrpcChannel channel = GrpcChannels.Create(address);
        await using var writer = new BlockWriter(new V1.KvStore.KvStoreClient(channel), "worker", 1);
        for (int layer = 0; layer < 2; layer++)
        {
            byte[] bytes = SlabOf(layer);
            SlabLease slab = SlabPool.Shared.Rent(bytes.Length);
            bytes.CopyTo(slab.Span);
            writer.Enqueue(Id, layer, 2, slab);
        }

        Assert.Equal(2, (await writer.CompleteAsync().WaitAsync(Patience, TestContext.Current.CancellationToken)).SlabsStored);
    }

    private static byte[] SlabOf(int layer)
    {
        var header = new SlabHeader
        {
            Layout = SlabLayout.Rows,
            ModelFingerprint = 1,
            CodecFingerprint = 2,
            BlockId = Id,
            Layer = layer,
            FirstPosition = 0,
            TokenCount = 64,
            KvHeadCount = 1,
            HeadSize = 8,
            WriterEpoch = 1,
            PayloadSizeBytes = 256,
        };
        byte[] slab = new byte[Slab.SizeBytes(header)];
        slab.AsSpan(Slab.HeaderSizeBytes).Fill((byte)(7 + layer));
        Slab.Write(slab, header);
        return slab;
    }
}
