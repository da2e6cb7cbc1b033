using FsCheck;
using FsCheck.Fluent;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Sampling;

public sealed class SamplerTests
{
    private readonly Sampler _sampler = new();

    [Fact]
    public void Sample_Greedy_TakesTheLowestIdOfTheMaxima()
    {
        Assert.Equal(1, Sample([0, 3, 3, 1], new SamplingParameters()));
        Assert.Equal(0, Sample([-0f, 0f, -1], new SamplingParameters()));
        Assert.Equal(2, Sample([float.NegativeInfinity, -5, -4], new SamplingParameters()));
    }

    [Theory]
    [InlineData(float.NaN, 0, SampleStatus.LogitNotFinite)]
    [InlineData(float.PositiveInfinity, 0.7f, SampleStatus.LogitNotFinite)]
    [InlineData(float.NegativeInfinity, 0.7f, SampleStatus.NoCandidate)]
    public void Sample_Garbage_IsANamedError(float value, float temperature, SampleStatus expected)
    {
        float[] logits = value == float.NegativeInfinity ? [value, value] : [1, value, 2];
        var token = _sampler.Sample(logits, new SamplingParameters { Temperature = temperature }, null, 1, 1);

        Assert.Equal(expected, token.Status);
        Assert.Equal(-1, token.Id);
    }

    [Fact]
    public void Sample_Distribution_PassesChiSquare()
    {
        float[] logits = [1, 0, 2, -1, 0.5f, float.NegativeInfinity];
        var parameters = new SamplingParameters { Temperature = 0.8f };
        const int count = 20_000;
        var seen = new int[logits.Length];
        for (var position = 0; position < count; position++)
        {
            seen[Sample(logits, parameters, seed: 42, position: position)]++;
        }

        var weights = logits.Select(logit => Math.Exp(logit / 0.8)).ToArray();
        var chiSquare = 0.0;
        for (var id = 0; id < logits.Length - 1; id++)
        {
            var expected = count * weights[id] / weights.Sum();
            chiSquare += (seen[id] - expected) * (seen[id] - expected) / expected;
        }

        Assert.Equal(0, seen[^1]);

        // 4 degrees of freedom: 18.47 is exceeded with probability 0.001; the draws are fixed.
        Assert.InRange(chiSquare, 0, 18.47);
    }

    [Fact]
    public void Sample_Filters_EqualTheNaiveOracle()
    {
        var cases =
            from seed in Gen.Choose(0, int.MaxValue)
            from size in Gen.Choose(1, 300)
            from topK in Gen.Elements(0, 1, 2, 5, 40, 1000)
            from topP in Gen.Elements(1f, 0.99f, 0.9f, 0.5f, 0.01f)
            from minP in Gen.Elements(0f, 0.01f, 0.3f, 1f)
            from temperature in Gen.Elements(0.01f, 0.5f, 1f, 3f, 50f)
            select (seed, size, new SamplingParameters { TopK = topK, TopP = topP, MinP = minP, Temperature = temperature });
        Prop.ForAll(Arb.From(cases), item => AssertOracle(item.seed, item.size, item.Item3)).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Sample_Penalties_EqualTheNaiveOracle()
    {
        var counts = new TokenCounts();
        counts.AddPrompt([0, 1]);
        counts.AddGenerated(1);
        counts.AddGenerated(1);
        counts.AddGenerated(2);
        float[] logits = [2, 2, -2, 2, 0];
        _sampler.Sample(
            logits,
            new SamplingParameters { RepetitionPenalty = 2, PresencePenalty = 0.5f, FrequencyPenalty = 0.25f, LogitBias = SamplingParameterSet.Bias(3, 1) },
            counts,
            seed: 1,
            position: 1);

        Assert.Equal([1, 1 - 0.5f - 0.5f, -4 - 0.5f - 0.25f, 3, 0], logits);
        Assert.Equal(2, counts.GetGeneratedCount(1));
        Assert.Equal(3, counts.DistinctCount);
    }

    [Fact]
    public void Sample_Logprobs_AreThoseOfTheUntouchedLogits()
    {
        float[] logits = [1, 3, 2, 3];
        var parameters = new SamplingParameters { LogprobCount = 3, LogitBias = SamplingParameterSet.Bias(2, 50) };
        var token = _sampler.Sample(logits, parameters, null, 1, 1);

        var sum = Math.Log(Math.Exp(1) + Math.Exp(3) + Math.Exp(2) + Math.Exp(3));
        Assert.Equal(2, token.Id);
        Assert.Equal(2 - sum, token.Logprob, 5);
        Assert.Equal([1, 3, 2], token.TopLogprobs.ToArray().Select(item => item.Id));
        Assert.Equal(3 - sum, token.TopLogprobs[0].Logprob, 5);
        Assert.True(float.IsNaN(_sampler.Sample(logits, new SamplingParameters(), null, 1, 1).Logprob));
    }

    [Fact]
    public void Sample_Repeated_AllocatesNothing()
    {
        var logits = new float[32_000];
        var random = new Random(3);
        foreach (ref var logit in logits.AsSpan())
        {
            logit = random.NextSingle() * 10;
        }

        var counts = new TokenCounts();
        counts.AddPrompt([1, 2, 3]);
        SamplingParameters[] all =
        [
            new(), new() { Temperature = 1 }, new() { Temperature = 1, TopK = 50, TopP = 0.9f, MinP = 0.01f, LogprobCount = 20 },
            new() { Temperature = 0.7f, TopP = 0.9f, PresencePenalty = 0.01f },
        ];
        void Round(int position)
        {
            foreach (var parameters in all)
            {
                _sampler.Sample(logits, parameters, counts, 1, position);
            }
        }

        for (var i = 0; i < 50; i++)
        {
            Round(i);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 20; i++)
        {
            Round(i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private int Sample(float[] logits, SamplingParameters parameters, ulong seed = 1, int position = 0) =>
        _sampler.Sample([.. logits], parameters, null, seed, position).Id;

    private void AssertOracle(int seed, int size, SamplingParameters parameters)
    {
        var random = new Random(seed);

        // Few distinct values, so that ties are common; some tokens are masked.
        float[] logits = [.. Enumerable.Range(0, size).Select(_ => random.Next(10) == 0 ? float.NegativeInfinity : random.Next(-40, 40) / 4f)];
        logits[random.Next(size)] = random.Next(10);
        var kept = NaiveFilter.Keep(logits, parameters);
        var position = random.Next();
        if (kept is null)
        {
            return;
        }

        Assert.Equal(NaiveFilter.Draw(kept, Philox.Uniform((ulong)seed, position)), Sample(logits, parameters, (ulong)seed, position));
    }
}
