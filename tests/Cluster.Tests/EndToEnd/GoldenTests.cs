using System.Text.Json;
using KvCluster.Inference.Models;

namespace KvCluster.Cluster.Tests.EndToEnd;

/// <summary>Greedy tokens of transformers in 32 bits, reproduced through the whole cluster.</summary>
public sealed class GoldenTests
{
    [Fact]
    public async Task Generate_GoldenCasesWithRawKv_EqualsTransformersInNineOfTen()
    {
        await using Stream file = DataFile.OpenRead(Path.Combine(RepositoryRoot.Path, "models/demo/golden.json"));
        using JsonDocument golden = await JsonDocument.ParseAsync(file, cancellationToken: TestContext.Current.CancellationToken);
        await using TestCluster cluster = await TestCluster.StartAsync("raw");
        List<string> different = [];
        foreach (JsonElement golds in golden.RootElement.GetProperty("cases").EnumerateArray())
        {
            string text = golds.GetProperty("text").GetString()!;
            int[] ids = [.. golds.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            int[] greedy = [.. golds.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32())];
            V1.TokenizeReply tokens = await cluster.Inference.TokenizeAsync(new V1.TokenizeRequest { Text = text }, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(ids, tokens.TokenIds);

            Answer answer = await cluster.Inference.AskAsync(text);
            if (!answer.TokenIds.SequenceEqual(greedy))
            {
                different.Add(text);
            }
        }

        Assert.True(different.Count <= 1, $"{different.Count} cases differ: {string.Join(" | ", different)}");
    }
}
