using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>
/// Finds the smallest codec that keeps a share of raw's mean accuracy on a data file. Candidates are tried from the smallest up; those that lie no
/// nearer to <c>raw</c> than a smaller one are passed over; growing samples of the rows refuse the hopeless, all rows decide.
/// </summary>
/// <param name="rows">The data file.</param>
/// <param name="rawOutcomes">What <c>raw</c> made of each row.</param>
/// <param name="distance">Distance of a codec from <c>raw</c>: KL on a few prompts, nats a token.</param>
/// <param name="measure">Answers rows, given by index, through a cluster with a codec; one outcome a row.</param>
internal sealed class AutoSearch(
    IReadOnlyList<EvalRow> rows,
    IReadOnlyList<RowOutcome> rawOutcomes,
    Func<KvCodec, double> distance,
    Func<KvCodec, IEnumerable<int>, Task<IReadOnlyList<RowOutcome>>> measure)
{
    /// <summary>Rows of each task that have been asked after each stage but the last, which has them all.</summary>
    private static readonly int[] StageRowsPerTask = [2, 10];

    private readonly int[][] _stages = Stages(rows);

    /// <summary>Outcomes on all rows of the codecs that came so far.</summary>
    public Dictionary<string, IReadOnlyList<RowOutcome>> Outcomes { get; } = [];

    /// <param name="asked">The bound.</param>
    /// <param name="candidates">Smallest first; <c>raw</c>, which always holds the bound, is among them.</param>
    public async Task<AutoChoice> RunAsync(AutoSpec asked, IReadOnlyList<KvCodec> candidates)
    {
        List<AutoTrial> trials = [];
        AutoTrial? chosen = null;
        double nearest = double.PositiveInfinity;
        foreach (KvCodec codec in candidates)
        {
            var trial = new AutoTrial(codec.Spec, EncodedSize.ForPrompt(codec, SpecResult.ReferencePromptTokens).Ratio, AutoVerdict.NotNeeded);
            if (chosen is null)
            {
                double divergence = distance(codec);
                trial = trial with { KlDivergence = divergence, Verdict = AutoVerdict.Dominated };
                if (divergence < nearest || codec is RawCodec)
                {
                    nearest = divergence;
                    trial = await TryAsync(asked.AccuracyBound, codec, trial);
                    chosen = trial.Verdict is AutoVerdict.Chosen ? trial : null;
                }
            }

            trials.Add(trial);
        }

        return chosen is null
            ? throw new InvalidOperationException("no candidate holds the bound: 'raw' must be one")
            : new AutoChoice
            {
                Asked = asked.ToString(),
                AccuracyBound = asked.AccuracyBound,
                Chosen = chosen.KvSpec,
                ReferenceRatio = chosen.ReferenceRatio,
                AccuracyKept = chosen.AccuracyKept!.Value,
                Trials = trials,
            };
    }

    private async Task<AutoTrial> TryAsync(double bound, KvCodec codec, AutoTrial trial)
    {
        if (codec is RawCodec)
        {
            return trial with { Verdict = AutoVerdict.Chosen, AccuracyKept = 1 };
        }

        var outcomes = new RowOutcome?[rows.Count];
        int[] asked = [];
        double kept = 1;
        foreach (int[] stage in _stages)
        {
            IReadOnlyList<RowOutcome> answered = await measure(codec, stage);
            for (int i = 0; i < stage.Length; i++)
            {
                outcomes[stage[i]] = answered[i];
            }

            asked = [.. asked, .. stage];
            kept = Kept([.. asked.Select(i => outcomes[i]!)], [.. asked.Select(i => rawOutcomes[i])]);
            if (asked.Length < rows.Count && kept < bound - Slack(bound, asked.Length))
            {
                return trial with { SampleKept = kept, Verdict = AutoVerdict.FailedSample };
            }
        }

        Outcomes[codec.Spec] = outcomes!;
        return trial with { AccuracyKept = kept, Verdict = kept >= bound ? AutoVerdict.Chosen : AutoVerdict.Failed };
    }

    /// <summary>Indices of the rows that each stage adds; none is empty.</summary>
    private static int[][] Stages(IReadOnlyList<EvalRow> rows)
    {
        int[][] byTask = [.. Enumerable.Range(0, rows.Count).GroupBy(i => rows[i].Task).Select(task => task.ToArray())];
        int[] ends = [.. StageRowsPerTask, int.MaxValue];
        return [.. ends.Select((end, stage) => byTask.SelectMany(task => task.Take(end).Skip(stage == 0 ? 0 : ends[stage - 1])).Order().ToArray())
            .Where(stage => stage.Length > 0)];
    }

    /// <summary>Three standard errors of a share of so many rows.</summary>
    private static double Slack(double bound, int rowCount) => 3 * Math.Sqrt(Math.Max(0.01, bound * (1 - bound)) / rowCount);

    private static double Kept(IReadOnlyList<RowOutcome> outcomes, IReadOnlyList<RowOutcome> raw) =>
        SpecSummary.Kept(SpecSummary.MeanAccuracy(outcomes), SpecSummary.MeanAccuracy(raw)) ?? 1;
}
