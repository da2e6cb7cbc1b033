using System.Text.Json;
using KvCluster.Cluster.Tests.EndToEnd;

namespace KvCluster.Cluster.Tests.CommandLine;

public sealed class ReplayCommandTests : IDisposable
{
    private readonly DirectoryInfo _scratch = Directory.CreateTempSubdirectory("kvcluster-replay-");

    [Fact]
    public async Task Replay_WrittenTrace_GivesARowForEachCapacityCodecAndPolicy()
    {
        string trace = Path.Combine(_scratch.FullName, "chat.jsonl");
        string json = Path.Combine(_scratch.FullName, "report.json");
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(["store", "replay", "--generate", "chat", "--requests", "500", "--write", trace]);
        Assert.True(exitCode == 0, errors);
        (exitCode, string output, errors) = await KvClusterProcess.RunAsync(
            ["store", "replay", trace, "--shape", "32x8x128", "--capacity", "1GiB,8GiB", "--kv", "raw", "--kv", "zipcache", "--json", json]);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("| 8 GiB    | `zipcache` |", output, StringComparison.Ordinal);
        using JsonDocument report = JsonDocument.Parse(await File.ReadAllTextAsync(json, TestContext.Current.CancellationToken));
        double[] rates = [.. report.RootElement.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("prefix_hit_rate").GetDouble())];
        Assert.Equal(2 * 2 * 3, rates.Length);
        Assert.True(rates[0] < rates[9], "eight times the memory and a smaller codec find no more");
    }

    [Theory]
    [InlineData("--generate", "nothing")]
    [InlineData("--policy", "fifo")]
    [InlineData("--capacity", "3x")]
    [InlineData("--shape", "3x")]
    public async Task Replay_BadArgument_NamesItAndExitsWithTwo(string option, string value)
    {
        string[] rest = option == "--generate" ? [] : ["--generate", "rag", "--requests", "10"];
        (int exitCode, _, string errors) = await KvClusterProcess.RunAsync(["store", "replay", .. rest, option, value]);
        Assert.Equal(2, exitCode);
        Assert.Contains(option, errors, StringComparison.Ordinal);
    }

    public void Dispose() => _scratch.Delete(recursive: true);
}
