using System.Collections.Concurrent;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Looks inside the model on a few prompts: next-token distributions, attention errors by layer, and times of the codec.</summary>
internal sealed class Diagnoser
{
    private readonly EvalModel _model;
    private readonly RawCodec _raw;
    private readonly (int[] Prompt, int[] Answer)[] _prompts;

    /// <param name="model">The model.</param>
    /// <param name="prompts">Prompts and how they go on.</param>
    public Diagnoser(EvalModel model, IEnumerable<(string Prompt, string Answer)> prompts)
    {
        _model = model;
        _raw = new RawCodec(model.Geometry);
        _prompts = [.. prompts.Select(pair => (Prompt: model.Tokens(pair.Prompt), Answer: model.Tokens(pair.Answer))).Where(pair => pair.Answer.Length > 0)];
    }

    public int RowCount => _prompts.Length;

    /// <param name="codec">The codec to look at.</param>
    /// <param name="withTiming">Whether its times are measured too.</param>
    /// <param name="rowDone">Called after each prompt.</param>
    /// <param name="cancellationToken">Ends it between prompts.</param>
    public SpecDiagnosis Diagnose(KvCodec codec, bool withTiming, Action rowDone, CancellationToken cancellationToken)
    {
        var contrast = new ContrastCodec(_raw, codec);
        using IModelRunner exactRunner = _model.Runner(contrast);
        using IModelRunner codecRunner = _model.Runner(codec);
        var kl = new KlSum();
        var errors = new AttentionErrorSum(_model.Geometry.LayerCount);
        CodecTiming? timing = null;
        int longest = _prompts.Length == 0 ? 0 : _prompts.Max(pair => pair.Prompt.Length);
        foreach ((int[] prompt, int[] answer) in _prompts)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var exact = new ForcedRun(exactRunner);
            contrast.Restart();
            float[] first = exact.Prefill(prompt);
            KvBlock[] blocks = [.. exact.Cache.Blocks];
            ConcurrentBag<(int Layer, int KvHead, float[] Rows)> queries = [];
            contrast.OnQueries = (layer, kvHead, rows) => queries.Add((layer, kvHead, rows));
            float[][] expected = [first, .. exact.Force(answer.AsSpan(..^1))];
            contrast.OnQueries = null;
            AddDistributions(codecRunner, prompt, answer, expected, kl);
            if (blocks.Length > 0 && !queries.IsEmpty)
            {
                errors.Add(contrast, _raw, codec, blocks, queries);
            }

            if (withTiming && timing is null && prompt.Length == longest && blocks.Length > 0 && !queries.IsEmpty)
            {
                using var timer = new CodecTimer(contrast, _raw, codec, blocks, queries);
                timing = timer.Measure(cancellationToken);
            }

            rowDone();
        }

        return new SpecDiagnosis
        {
            RowCount = _prompts.Length,
            DistributionCount = kl.Count,
            KlDivergence = kl.Mean,
            SameTokenShare = kl.SameTokenShare,
            AttentionErrors = errors.Relative,
            Timing = timing,
        };
    }

    private static void AddDistributions(IModelRunner runner, int[] prompt, int[] answer, float[][] expected, KlSum kl)
    {
        using var run = new ForcedRun(runner);
        float[][] actual = [run.Prefill(prompt), .. run.Force(answer.AsSpan(..^1))];
        for (int i = 0; i < expected.Length; i++)
        {
            kl.Add(expected[i], actual[i]);
        }
    }
}
