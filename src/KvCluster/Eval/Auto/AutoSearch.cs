using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>
/// Finds the smallest codec that keeps a share of raw's mean accuracy on a data file. Candidates are tried from the smallest up; those that another
/// one dominates in bytes and distance from <c>raw</c> are passed over; a sample of the rows refuses the hopeless, all rows decide.
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
    /// <summary>Rows of each task in the sample.</summary>
    private const int SampleRowsPerTask = 10;

    private readonly int[] _sample = [.. Enumerable.Range(0, rows.Count).GroupBy(i => rows[i].Task).SelectMany(task => task.Take(SampleRowsPerTask)).Order()];

    /// <summary>Outcomes on all rows of the codecs that came so far.</summary>
    public Dictionary<string, IReadOnlyList<RowOutcome>> Outcomes { get; } = [];

    /// <param name="asked">The bound.</param>
    /// <param name="candidates">Smallest first; <c>raw</c>, which always holds the bound, is among them.</param>
    public async Task<AutoChoice> RunAsync(AutoSpec asked, IReadOnlyList<KvCodec> candidates)
    {
        Candidate[] all = [.. candidates.Select(codec => new Candidate(codec, AutoCandidates.Size(codec), distance(codec)))];
        List<AutoTrial> trials = [];
        AutoTrial? chosen = null;
        foreach (Candidate candidate in all)
        {
            AutoTrial trial = candidate.Trial();
            if (chosen is null)
            {
                trial = all.Any(candidate.IsDominatedBy) ? trial with { Verdict = AutoVerdict.Dominated } : await TryAsync(asked, candidate.Codec, trial);
                chosen = trial.Verdict is AutoVerdict.Chosen ? trial : null;
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

    private async Task<AutoTrial> TryAsync(AutoSpec asked, KvCodec codec, AutoTrial trial)
    {
        if (codec is RawCodec)
        {
            return trial with { Verdict = AutoVerdict.Chosen, AccuracyKept = 1 };
        }

        IReadOnlyList<RowOutcome> sample = await measure(codec, _sample);
        double sampleKept = Kept(sample, [.. _sample.Select(i => rawOutcomes[i])]);
        trial = trial with { SampleKept = sampleKept };
        if (sampleKept < asked.AccuracyBound - SampleSlack(asked.AccuracyBound))
        {
            return trial with { Verdict = AutoVerdict.FailedSample };
        }

        int[] rest = [.. Enumerable.Range(0, rows.Count).Except(_sample)];
        IReadOnlyList<RowOutcome> others = rest.Length == 0 ? [] : await measure(codec, rest);
        RowOutcome[] outcomes = Merge(sample, rest, others);
        Outcomes[codec.Spec] = outcomes;
        double kept = Kept(outcomes, rawOutcomes);
        return trial with { AccuracyKept = kept, Verdict = kept >= asked.AccuracyBound ? AutoVerdict.Chosen : AutoVerdict.Failed };
    }

    private RowOutcome[] Merge(IReadOnlyList<RowOutcome> sample, int[] rest, IReadOnlyList<RowOutcome> others)
    {
        var merged = new RowOutcome[rows.Count];
        for (int i = 0; i < _sample.Length; i++)
        {
            merged[_sample[i]] = sample[i];
        }

        for (int i = 0; i < rest.Length; i++)
        {
            merged[rest[i]] = others[i];
        }

        return merged;
    }

    /// <summary>Two standard errors of a share in so many rows; nothing when the sample is everything.</summary>
    private double SampleSlack(double bound) => _sample.Length == rows.Count ? 0 : 2 * Math.Sqrt(Math.Max(0.01, bound * (1 - bound)) / _sample.Length);

    private static double Kept(IReadOnlyList<RowOutcome> outcomes, IReadOnlyList<RowOutcome> raw) =>
        SpecSummary.Kept(SpecSummary.MeanAccuracy(outcomes), SpecSummary.MeanAccuracy(raw)) ?? 1;

    private sealed record Candidate(KvCodec Codec, long SizeBytes, double Distance)
    {
        public bool IsDominatedBy(Candidate other) =>
            other.SizeBytes <= SizeBytes && other.Distance <= Distance && (other.SizeBytes < SizeBytes || other.Distance < Distance);

        public AutoTrial Trial() => new(
            Codec.Spec, EncodedSize.ForPrompt(Codec, SpecResult.ReferencePromptTokens).Ratio, Distance, AutoVerdict.NotNeeded);
    }
}
