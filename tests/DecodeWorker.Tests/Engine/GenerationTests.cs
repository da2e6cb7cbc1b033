using System.Collections.Immutable;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Sampling;

namespace KvCluster.DecodeWorker.Tests.Engine;

public sealed class GenerationTests
{
    [Theory]
    [InlineData(false, false, 2, SequenceEnd.Stop)]
    [InlineData(true, false, 2, SequenceEnd.None)]
    [InlineData(true, false, 9, SequenceEnd.Stop)]
    [InlineData(false, true, 2, SequenceEnd.None)]
    [InlineData(false, false, 5, SequenceEnd.None)]
    public void Commit_Token_EndsWhereItShould(bool ignoresEos, bool isForced, int tokenId, SequenceEnd expected)
    {
        var parameters = new SamplingParameters { IgnoreEos = ignoresEos, StopTokenIds = [9] };
        var generation = new Generation([1, 1], 2, parameters, isForced ? [2, 2] : [], 0, [2], 100);
        Assert.Equal(expected, generation.Commit(tokenId));
        Assert.Equal(expected, generation.End);
    }

    [Theory]
    [InlineData(3, 100, 5)]
    [InlineData(int.MaxValue, 7, 7)]
    public void Commit_UntilTheMost_EndsByLength(int maxTokens, int context, int expectedTokenCount)
    {
        var generation = new Generation([1, 1], 2, new SamplingParameters { MaxTokens = maxTokens }, [], 0, [], context);
        while (generation.End == SequenceEnd.None)
        {
            generation.Commit(3);
        }

        Assert.Equal((SequenceEnd.Length, expectedTokenCount, expectedTokenCount), (generation.End, generation.TokenCount, generation.MaxTokenCount));
    }

    [Fact]
    public void New_TakenOverAtItsEnd_HasEnded() =>
        Assert.Equal(SequenceEnd.Length, new Generation([1, 1, 5], 2, new SamplingParameters { MaxTokens = 1 }, [], 0, [], 100).End);

    [Fact]
    public void Choose_Forced_LogprobIsThatTokens()
    {
        float[] logits = [1, 2, 3, 0];
        var free = new Generation([0], 1, new SamplingParameters { LogprobCount = 4 }, [], 0, [], 100);
        var top = free.Choose(new Sampler(), logits).TopLogprobs.ToArray();
        var forced = new Generation([0], 1, new SamplingParameters { LogprobCount = 0, Temperature = 5 }, [0], 0, [], 100);
        var token = forced.Choose(new Sampler(), logits);
        Assert.Equal(0, token.Id);
        Assert.Equal(top.Single(item => item.Id == 0).Logprob, token.Logprob, 1e-6f);
    }

    [Fact]
    public void Draw_OnlyTheTokenIsWanted_HasAllThatItDependsOn()
    {
        var parameters = new SamplingParameters { Temperature = 0.7f, TopK = 5, TopP = 0.8f, MinP = 0.1f };
        var generation = new Generation([1, 1], 1, parameters, [], 9, [], 100);

        TokenDraw draw = generation.Draw!.Value;
        Assert.Equal((0.7f, 5, 0.8f, 0.1f), (draw.Temperature, draw.TopK, draw.TopP, draw.MinP));
        generation.Commit(4);
        Assert.NotEqual(draw.Uniform, generation.Draw!.Value.Uniform);
        Assert.Equal(draw, new Generation([1, 1], 1, parameters, [], 9, [], 100).Draw);
        Assert.True(new Generation([1], 1, new SamplingParameters(), [], 0, [], 100).Draw!.Value.IsGreedy);
    }

    [Fact]
    public void Draw_LogitsAreWantedThemselves_IsNone()
    {
        SamplingParameters[] all =
        [
            new() { LogprobCount = 0 },
            new() { PresencePenalty = 1 },
            new() { RepetitionPenalty = 1.1f },
            new() { LogitBias = ImmutableDictionary<int, float>.Empty.Add(3, 1) },
        ];
        Assert.All(all, parameters => Assert.Null(new Generation([1], 1, parameters, [], 0, [], 100).Draw));
        Assert.Null(new Generation([1], 1, new SamplingParameters(), [2], 0, [], 100).Draw);
    }
}
