using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.Diagnosis;
using KvCluster.CommandLine.Eval.SecondQuestions;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>The arithmetic of the report.</summary>
public sealed class SummaryTests
{
    private static readonly KvGeometry Geometry = new(2, 2, 16);

    [Fact]
    public void Of_TasksOfDifferentLength_MeanIsOverTasksAndBytesAreOverTokens()
    {
        KvCodec codec = CodecRegistry.Create("int8", Geometry);
        RowOutcome[] outcomes = [Row("b", true, 1, 2, 100, 5000), Row("b", false, 3, 2, 100, 5000), Row("b", false, 0, 0, 0, 0), Row("a", true, 2, 4, 200, 2800)];

        SpecResult result = SpecSummary.Of(codec, outcomes, rawMeanAccuracy: 0.8, TimeSpan.FromSeconds(3));

        Assert.Equal(["a", "b"], result.Tasks.Select(task => task.Task));
        Assert.Equal([1, 1.0 / 3], result.Tasks.Select(task => task.Accuracy));
        Assert.Equal([0.5, 1], result.Tasks.Select(task => task.MeanNll!.Value));
        Assert.Equal(2.0 / 3, result.MeanAccuracy, 12);
        Assert.Equal(2.0 / 3 / 0.8, result.AccuracyKept!.Value, 12);
        Assert.Equal(6.0 / 8, result.MeanNll!.Value, 12);
        Assert.Equal(12800.0 / 400, result.BytesPerToken, 12);
        Assert.Equal(Geometry.TokenSizeBytes / 32.0, result.Ratio, 12);
        Assert.Equal(EncodedSize.ForPrompt(codec, 4096).Ratio, result.ReferenceRatio);
        Assert.Equal(3, result.WallSeconds);
    }

    [Fact]
    public void Of_RawWithoutRightAnswers_HasNothingToKeep()
    {
        SpecResult result = SpecSummary.Of(CodecRegistry.Create("raw", Geometry), [Row("a", false, 0, 0, 0, 0)], null, TimeSpan.Zero);

        Assert.Null(result.AccuracyKept);
        Assert.Null(result.MeanNll);
        Assert.Equal(0, result.Ratio);
    }

    [Fact]
    public void SecondQuestions_OfSomeRows_CountThoseRowsOnly()
    {
        RowOutcome[] outcomes =
        [
            Row("a", true, 0, 0, 0, 0) with { Second = new SecondOutcome(false, true, 100, 64) },
            Row("a", false, 0, 0, 0, 0) with { Second = new SecondOutcome(true, true, 300, 256) },
            Row("b", false, 0, 0, 0, 0),
        ];

        SecondQuestionResult result = SecondQuestionSummary.Of(outcomes)!;

        Assert.Equal(2, result.DocumentCount);
        Assert.Equal(0.5, result.FirstAccuracy);
        Assert.Equal(0.5, result.SecondAccuracy);
        Assert.Equal(1, result.AloneAccuracy);
        Assert.Equal(0.8, result.CachedShare, 12);
        Assert.Equal(64, result.LeastCachedTokens);
        Assert.Null(SecondQuestionSummary.Of(outcomes[2..]));
    }

    [Fact]
    public void Divergence_KnownDistributions_IsTheirKl()
    {
        float[] p = [MathF.Log(0.5f), MathF.Log(0.25f), MathF.Log(0.25f)];
        float[] q = [MathF.Log(0.25f) + 3, MathF.Log(0.5f) + 3, MathF.Log(0.25f) + 3];

        Assert.Equal((0.5 * Math.Log(2)) - (0.25 * Math.Log(2)), KlSum.Divergence(p, q), 6);
        Assert.Equal(0, KlSum.Divergence(p, p), 12);
    }

    private static RowOutcome Row(string task, bool isRight, double nll, int referenceTokens, long tokens, long bytes) =>
        new(new EvalRow(task, "p", "a", null), "", isRight, nll, referenceTokens, tokens, bytes);
}
