using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.Inference.Models;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>Whole evaluations of a few prompts with the demo model.</summary>
public sealed class EvalRunTests : IDisposable
{
    private readonly string _data = Path.GetTempFileName();

    public void Dispose() => File.Delete(_data);

    [Fact]
    public async Task RunAsync_AutoOnTwoPrompts_ChoosesTheSmallestOfThoseThatHold()
    {
        Take("models/demo/validation.jsonl.gz", "line_retrieval_20", "lookup_60");

        EvalReport report = await RunAsync(["auto(accuracy=1)", "int8"], diagnosed: 1, second: null);

        AutoChoice choice = Assert.Single(report.Auto);
        Assert.Equal(["raw", choice.Chosen, "int8"], report.Specs.Select(spec => spec.KvSpec).Distinct());
        Assert.Equal(choice.Trials.OrderByDescending(trial => trial.ReferenceRatio).Select(trial => trial.KvSpec), choice.Trials.Select(trial => trial.KvSpec));
        AutoTrial[] smaller = [.. choice.Trials.TakeWhile(trial => trial.KvSpec != choice.Chosen)];
        Assert.All(smaller, trial => Assert.True(trial.Verdict is AutoVerdict.Dominated or AutoVerdict.Failed or AutoVerdict.FailedSample));
        Assert.Equal(1, report.Specs.Single(spec => spec.KvSpec == choice.Chosen).AccuracyKept);
        Assert.NotEqual("raw", choice.Chosen);
    }

    [Fact]
    public async Task RunAsync_RowsWithoutReferences_AreDiagnosedOnRawsAnswersAndSecondQuestionsReuseThePrefix()
    {
        Take("models/demo/eval.jsonl.gz", "line_retrieval_80", "math_0shot");
        File.WriteAllLines(_data, File.ReadAllLines(_data).Select(line => line.Replace("\"reference\"", "\"ignored\"", StringComparison.Ordinal)));

        EvalReport report = await RunAsync(["int4"], diagnosed: 1, second: "on");

        SpecResult raw = report.Specs[0];
        SpecResult int4 = report.Specs[1];
        Assert.Null(int4.MeanNll);
        Assert.Equal(0, raw.Diagnosis!.KlDivergence);
        Assert.All(raw.Diagnosis.AttentionErrors, error => Assert.Equal(0, error));
        Assert.Equal(8, int4.Diagnosis!.AttentionErrors.Count);
        Assert.All(int4.Diagnosis.AttentionErrors, error => Assert.InRange(error, 0.001, 0.6));
        Assert.InRange(int4.Diagnosis.KlDivergence, 1e-9, 0.1);
        Assert.True(int4.Diagnosis.Timing!.EncodeMicrosecondsPerToken > 0 && int4.Diagnosis.Timing.AttentionMicroseconds > 0);
        Assert.Equal(1, int4.SecondQuestion!.DocumentCount);
        Assert.InRange(int4.SecondQuestion.CachedShare, 0.9, 1);
        Assert.True(int4.SecondQuestion.LeastCachedTokens >= 1024);
        Assert.Equal(int4.SecondQuestion.AloneAccuracy, int4.SecondQuestion.SecondAccuracy);
    }

    private async Task<EvalReport> RunAsync(string[] specs, int diagnosed, string? second)
    {
        using var run = new EvalRun(
            new EvalOptions { Data = _data, Specs = specs, ModelFolder = RepositoryRoot.ModelFolder, DiagnosedRows = diagnosed, Second = second },
            (_, _) => () => { },
            TestContext.Current.CancellationToken);
        var saved = new List<int>();
        EvalReport report = await run.RunAsync(
            soFar =>
            {
                saved.Add(soFar.Specs.Count);
                return Task.CompletedTask;
            }).WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(1, report.Specs.Count), saved);
        return report;
    }

    private void Take(string file, params string[] tasks) => File.WriteAllLines(
        _data,
        tasks.Select(task => DataFile.ReadLines(Path.Combine(RepositoryRoot.Path, file)).First(line => line.Contains($"\"task\": \"{task}\"", StringComparison.Ordinal))));
}
