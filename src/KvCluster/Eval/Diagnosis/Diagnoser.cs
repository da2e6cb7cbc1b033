using System.Collections.Concurrent;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>Looks inside the model on a few prompts: next-token distributions, attention errors by layer, and times of the codec.</summary>
/// <remarks>The logits of <c>raw</c> are kept, since every codec is compared with them.</remarks>
internal sealed class Diagnoser
{
    private readonly EvalModel _model;
    private readonly RawCodec _raw;
    private readonly (int[] Prompt, int[] Answer)[] _prompts;
    private readonly float[][]?[] _expected;

    /// <param name="model">The model.</param>
    /// <param name="prompts">Prompts and how they go on.</param>
    public Diagnoser(EvalModel model, IEnumerable<(string Prompt, string Answer)> prompts)
    {
        _model = model;
        _raw = new RawCodec(model.Geometry);
        _prompts = [.. prompts.Select(pair => (Prompt: model.Tokens(pair.Prompt), Answer: model.Tokens(pair.Answer))).Where(pair => pair.Answer.Length > 0)];
        _expected = new float[][]?[_prompts.Length];
    }

    public int RowCount => _prompts.Length;

    /// <summary>Everything about a codec.</summary>
    /// <param name="codec">The codec to look at.</param>
    /// <param name="rowDone">Called after each prompt.</param>
    /// <param name="cancellationToken">Ends it between prompts.</param>
    public SpecDiagnosis Diagnose(KvCodec codec, Action rowDone, CancellationToken cancellationToken)
    {
        var contrast = new ContrastCodec(_raw, codec);
        using IModelRunner contrastRunner = _model.Runner(contrast);
        using IModelRunner codecRunner = _model.Runner(codec);
        var kl = new KlSum();
        var errors = new AttentionErrorSum(_model.Geometry.LayerCount);
        CodecTiming? timing = null;
        int longest = _prompts.Length == 0 ? 0 : _prompts.Max(pair => pair.Prompt.Length);
        for (int i = 0; i < _prompts.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var run = new ForcedRun(contrastRunner);
            CapturedAttention attention = Capture(run, contrast, i);
            AddDistributions(codecRunner, i, kl);
            if (attention.IsUsable)
            {
                errors.Add(contrast, _raw, codec, attention);
                if (timing is null && _prompts[i].Prompt.Length == longest)
                {
                    using var timer = new CodecTimer(contrast, _raw, codec, attention);
                    timing = timer.Measure(cancellationToken);
                }
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

    /// <summary>Mean of KL(raw ‖ codec) alone.</summary>
    /// <inheritdoc cref="Diagnose"/>
    public double Divergence(KvCodec codec, Action rowDone, CancellationToken cancellationToken)
    {
        using IModelRunner rawRunner = _model.Runner(_raw);
        using IModelRunner codecRunner = _model.Runner(codec);
        var kl = new KlSum();
        for (int i = 0; i < _prompts.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _expected[i] ??= Logits(rawRunner, i);
            AddDistributions(codecRunner, i, kl);
            rowDone();
        }

        return kl.Mean;
    }

    private CapturedAttention Capture(ForcedRun run, ContrastCodec contrast, int row)
    {
        contrast.Restart();
        float[] first = run.Prefill(_prompts[row].Prompt);
        KvBlock[] blocks = [.. run.Cache.Blocks];
        ConcurrentBag<CapturedQueries> queries = [];
        contrast.OnQueries = queries.Add;
        _expected[row] = [first, .. run.Force(_prompts[row].Answer.AsSpan(..^1))];
        contrast.OnQueries = null;
        return new CapturedAttention(blocks, [.. queries.OrderBy(query => (query.Layer, query.KvHead))]);
    }

    private float[][] Logits(IModelRunner runner, int row)
    {
        using var run = new ForcedRun(runner);
        return [run.Prefill(_prompts[row].Prompt), .. run.Force(_prompts[row].Answer.AsSpan(..^1))];
    }

    private void AddDistributions(IModelRunner runner, int row, KlSum kl)
    {
        float[][] actual = Logits(runner, row);
        for (int i = 0; i < actual.Length; i++)
        {
            kl.Add(_expected[row]![i], actual[i]);
        }
    }
}
