using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>How <c>auto</c> chooses.</summary>
public sealed class AutoTests
{
    private static readonly KvGeometry Geometry = new(2, 2, 16);

    [Theory]
    [InlineData("auto", 0.99)]
    [InlineData(" AUTO ( accuracy = 0.5 )", 0.5)]
    [InlineData("auto(accuracy=1)", 1)]
    public void TryParse_Auto_ReadsItsBound(string spec, double bound)
    {
        AutoSpec auto = AutoSpec.TryParse(spec)!;

        Assert.Equal(bound, auto.AccuracyBound);
        Assert.Equal(auto, AutoSpec.TryParse(auto.ToString()));
    }

    [Theory]
    [InlineData("auto(accuracy=0)")]
    [InlineData("auto(accuracy=1.01)")]
    [InlineData("auto(accuracy=much)")]
    [InlineData("auto(size=3)")]
    [InlineData("auto+int4")]
    public void TryParse_WhatAutoDoesNotTake_IsRefused(string spec) => Assert.Throws<BadArgumentException>(() => AutoSpec.TryParse(spec));

    [Fact]
    public void TryParse_Codec_IsNoChoice() => Assert.Null(AutoSpec.TryParse("int4"));

    [Theory]
    [InlineData(0.9, 0.9, "int4", 1)]
    [InlineData(0.9, 0.85, "int8", 2)]
    [InlineData(1.0, 0.9, "raw", 2)]
    public async Task RunAsync_AccuraciesBySpec_ChoosesTheSmallestThatHolds(double bound, double int4Accuracy, string expected, int triedCount)
    {
        // Two tasks of 60 rows: int8 gets 95 % right.
        EvalRow[] rows = [.. Enumerable.Range(0, 120).Select(i => new EvalRow(i % 2 == 0 ? "a" : "b", $"{i}", "", null))];
        List<string> measured = [];
        var search = new AutoSearch(
            rows,
            Outcomes(rows, 1),
            codec => codec.Spec switch { "raw" => 0, "int8" => 0.01, _ => 0.1 },
            (codec, indices) =>
            {
                measured.Add(codec.Spec);
                RowOutcome[] all = Outcomes(rows, codec.Spec == "int4" ? int4Accuracy : 0.95);
                return Task.FromResult<IReadOnlyList<RowOutcome>>([.. indices.Select(i => all[i])]);
            });

        AutoChoice choice = await search.RunAsync(new AutoSpec(bound), Candidates());

        Assert.Equal(expected, choice.Chosen);
        Assert.Equal(triedCount, measured.Distinct().Count());
        Assert.Equal(["int4", "int8", "raw"], choice.Trials.Select(trial => trial.KvSpec));
        Assert.Equal(AutoVerdict.Chosen, choice.Trials.Single(trial => trial.KvSpec == expected).Verdict);
        Assert.True(choice.AccuracyKept >= bound);
        Assert.All(choice.Trials.Where(trial => trial.AccuracyKept is not null), trial => Assert.Equal(trial.AccuracyKept >= bound, trial.Verdict is AutoVerdict.Chosen));
        Assert.All(search.Outcomes.Values, outcomes => Assert.Equal(rows, outcomes.Select(outcome => outcome.Row)));
    }

    [Fact]
    public async Task RunAsync_HopelessOrDominated_IsNotMeasuredOnAllRows()
    {
        EvalRow[] rows = [.. Enumerable.Range(0, 120).Select(i => new EvalRow("a", $"{i}", "", null))];
        List<(string Spec, int Count)> measured = [];
        var search = new AutoSearch(
            rows,
            Outcomes(rows, 1),
            codec => codec.Spec switch { "raw" => 0, "int8" => 0.2, _ => 0.1 },
            (codec, indices) =>
            {
                int[] asked = [.. indices];
                measured.Add((codec.Spec, asked.Length));
                return Task.FromResult<IReadOnlyList<RowOutcome>>([.. asked.Select(i => Outcomes(rows, 0.5)[i])]);
            });

        AutoChoice choice = await search.RunAsync(new AutoSpec(0.99), Candidates());

        Assert.Equal("raw", choice.Chosen);
        Assert.Equal([("int4", 2)], measured);
        Assert.Equal([AutoVerdict.FailedSample, AutoVerdict.Dominated, AutoVerdict.Chosen], choice.Trials.Select(trial => trial.Verdict));
    }

    private static KvCodec[] Candidates() => [.. ((string[])["int4", "int8", "raw"]).Select(spec => CodecRegistry.Create(spec, Geometry))];

    /// <summary>In every task the same share is right, spread evenly over the rows.</summary>
    private static RowOutcome[] Outcomes(EvalRow[] rows, double accuracy)
    {
        Dictionary<string, int> seen = [];
        return [.. rows.Select(row =>
        {
            int i = seen[row.Task] = seen.GetValueOrDefault(row.Task) + 1;
            bool isRight = Math.Floor(i * accuracy + 1e-9) > Math.Floor(((i - 1) * accuracy) + 1e-9);
            return new RowOutcome(row, "", isRight, 0, 0, 0, 0);
        })];
    }
}
