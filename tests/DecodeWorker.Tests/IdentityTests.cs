using KvCluster.Inference.Sampling;
using KvCluster.V1;
using KvCluster.Workers.Tests;

namespace KvCluster.DecodeWorker.Tests;

/// <summary>The same request gives the same tokens, however its KV came about.</summary>
[Collection("cluster")]
public sealed class IdentityTests
{
    private static readonly Sampling Sampled = new()
    {
        Temperature = 0.9f,
        TopP = 0.95f,
        FrequencyPenalty = 0.5f,
        RepetitionPenalty = 1.1f,
        IgnoreEos = true,
    };

    private static readonly SamplingParameters SampledParameters = new()
    {
        Temperature = 0.9f,
        TopP = 0.95f,
        FrequencyPenalty = 0.5f,
        RepetitionPenalty = 1.1f,
        IgnoreEos = true,
    };

    [Theory]
    [InlineData("raw")]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Decode_ColdWarmLocalTakenOverBatched_SameTokens(string kvSpec)
    {
        await using var cluster = await TestCluster.StartAsync(kvSpec);
        var prefill = await PrefillClient.StartAsync(cluster);
        var decode = await DecodeClient.StartAsync(cluster);
        var prompt = TestModel.Prompt(20, 180);
        var expected = TestOracle.Generate(cluster.Model, prompt, 90, SampledParameters);

        var local = await decode.RunLocalAsync(decode.Start(prompt, 90, isLocal: true, sampling: Sampled));
        Assert.Equal(expected, local.TokenIds);
        Assert.Equal((0, 180), (local.Ready.KvTokensReceived, local.Ready.ComputedTokens));

        var fresh = TestModel.Prompt(21, 150);
        var cold = await decode.RunAsync(prefill, fresh, 90, sampling: Sampled);
        Assert.Equal(TestOracle.Generate(cluster.Model, fresh, 90, SampledParameters), cold.TokenIds);
        Assert.Equal((150, 0), (cold.Ready.KvTokensReceived, cold.Ready.ComputedTokens));

        var before = await cluster.StatAsync();
        var warm = await decode.RunAsync(prefill, fresh, 90, cachedBlockCount: 2, sampling: Sampled);
        var after = await cluster.StatAsync();
        Assert.Equal(cold.TokenIds, warm.TokenIds);
        Assert.Equal((150, 0, 0), (warm.Ready.KvTokensReceived, warm.Ready.ComputedTokens, warm.Ready.RefusedSlabs));
        Assert.True(after.PutSlabs - before.PutSlabs <= 8 * 2, "only the Tail, and the Blocks that decoding fills");

        int[] soFar = [.. prompt, .. expected[..40]];
        var takenOver = await decode.RunLocalAsync(decode.Start(soFar, 90, prompt.Length, isLocal: true, sampling: Sampled));
        Assert.Equal(expected[40..], takenOver.TokenIds);
        Assert.True(takenOver.Ready.KvTokensReceived > 0);

        await BatchGivesTheSameAsync(cluster, prefill, decode);
    }

    private static async Task BatchGivesTheSameAsync(TestCluster cluster, PrefillClient prefill, DecodeClient decode)
    {
        int[][] prompts = [.. Enumerable.Range(0, 8).Select(i => TestModel.Prompt(30 + i, 5 + (i * 37)))];
        var expected = prompts.Select(prompt => TestOracle.Generate(cluster.Model, prompt, 20, SampledParameters)).ToArray();

        var answers = await Task.WhenAll(prompts.Select((prompt, i) => i % 2 == 0
            ? decode.RunAsync(prefill, prompt, 20, sampling: Sampled)
            : decode.RunLocalAsync(decode.Start(prompt, 20, isLocal: true, sampling: Sampled))));

        Assert.Equal(expected, answers.Select(answer => answer.TokenIds));
        Assert.All(answers, answer => Assert.Equal(FinishReason.Length, answer.Reason));
    }
}
