using System.Diagnostics;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.CommandLine.Eval.Diagnosis;
using KvCluster.CommandLine.Eval.SecondQuestions;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval;

/// <summary>One evaluation from its options to its report: <c>raw</c>, then every spec, one after the other.</summary>
internal sealed class EvalRun : IDisposable
{
    private const string Baseline = "raw";

    /// <summary>Rows of each task on which <c>auto</c> compares its candidates before any is tried.</summary>
    private const int ScreenedRows = 1;

    private readonly EvalOptions _options;
    private readonly EvalModel _model;
    private readonly EvalRow[] _rows;
    private readonly IReadOnlyList<SecondQuestion?> _seconds;
    private readonly Func<string, int, Action> _begin;
    private readonly CancellationToken _cancellationToken;
    private readonly Dictionary<string, (IReadOnlyList<RowOutcome> Outcomes, TimeSpan Wall)> _measured = [];
    private readonly List<AutoChoice> _choices = [];

    /// <param name="options">What was asked for.</param>
    /// <param name="begin">Told of each piece of work and its number of steps; gives what to call after each step, from any thread.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public EvalRun(EvalOptions options, Func<string, int, Action> begin, CancellationToken cancellationToken)
    {
        _options = options;
        _begin = begin;
        _cancellationToken = cancellationToken;
        _rows = [.. EvalFile.Read(options.Data, options.Limit)];
        _seconds = SecondQuestionSource.Of(options.Second, _rows);
        _model = EvalModel.Open(options.ModelFolder, options.Backend);
    }

    /// <param name="onSpec">Given the report so far after each spec, so that a run which is cut off is not lost.</param>
    public async Task<EvalReport> RunAsync(Func<EvalReport, Task> onSpec)
    {
        // Specs that can't be used are refused before the first row is asked.
        foreach (string spec in _options.Specs.Where(spec => AutoSpec.TryParse(spec) is null))
        {
            _model.Codec(KvOption.Canonical(spec));
        }

        SpecResult raw = await EvaluateAsync(_model.Codec(Baseline), null);
        List<SpecResult> results = [raw];
        foreach (string written in _options.Specs)
        {
            string spec = AutoSpec.TryParse(written) is { } asked ? await ChooseAsync(asked) : KvOption.Canonical(written);
            if (results.TrueForAll(result => result.KvSpec != spec))
            {
                await onSpec(Report(results));
                results.Add(await EvaluateAsync(_model.Codec(spec), raw.MeanAccuracy));
            }
        }

        EvalReport report = Report(results);
        await onSpec(report);
        return report;
    }

    public void Dispose() => _model.Dispose();

    private EvalReport Report(IEnumerable<SpecResult> results) => new()
    {
        Data = Path.GetFileName(_options.Data),
        Model = _model.Name,
        RawBytesPerToken = _model.Geometry.TokenSizeBytes,
        Specs = [.. results],
        Auto = [.. _choices],
    };

    private async Task<SpecResult> EvaluateAsync(KvCodec codec, double? rawMeanAccuracy)
    {
        if (!_measured.TryGetValue(codec.Spec, out (IReadOnlyList<RowOutcome> Outcomes, TimeSpan Wall) measured))
        {
            long start = Stopwatch.GetTimestamp();
            measured = (await MeasureAsync(codec, Enumerable.Range(0, _rows.Length)), Stopwatch.GetElapsedTime(start));
            _measured[codec.Spec] = measured;
        }

        Diagnoser diagnoser = DiagnoserOf(_options.DiagnosedRows);
        SpecDiagnosis? diagnosis = diagnoser.RowCount == 0 ? null : diagnoser.Diagnose(codec, BeginInside(codec, diagnoser), _cancellationToken);
        return SpecSummary.Of(codec, measured.Outcomes, rawMeanAccuracy, measured.Wall) with
        {
            Diagnosis = diagnosis,
            SecondQuestion = SecondQuestionSummary.Of(measured.Outcomes),
        };
    }

    private async Task<string> ChooseAsync(AutoSpec asked)
    {
        Diagnoser screen = DiagnoserOf(ScreenedRows);
        var search = new AutoSearch(
            _rows,
            _measured[Baseline].Outcomes,
            codec => screen.Divergence(codec, BeginInside(codec, screen), _cancellationToken),
            MeasureAsync);
        long start = Stopwatch.GetTimestamp();
        AutoChoice choice = await search.RunAsync(asked, AutoCandidates.Of(_model));
        foreach ((string spec, IReadOnlyList<RowOutcome> outcomes) in search.Outcomes)
        {
            _measured.TryAdd(spec, (outcomes, Stopwatch.GetElapsedTime(start)));
        }

        _choices.Add(choice);
        return choice.Chosen;
    }

    private async Task<IReadOnlyList<RowOutcome>> MeasureAsync(KvCodec codec, IEnumerable<int> rows)
    {
        (EvalRow Row, SecondQuestion? Second)[] asked = [.. rows.Select(i => (_rows[i], _seconds[i]))];
        return await SpecEvaluator.RunAsync(_model.Cluster(codec.Spec), asked, _begin(codec.Spec, asked.Length), _cancellationToken);
    }

    /// <summary>Of the first rows of each task. A row without a reference is continued with what <c>raw</c> answered.</summary>
    private Diagnoser DiagnoserOf(int rowsOfEachTask) => new(
        _model,
        _measured[Baseline].Outcomes.GroupBy(outcome => outcome.Row.Task).SelectMany(task => task.Take(rowsOfEachTask))
            .Select(outcome => (outcome.Row.Prompt, outcome.Row.Reference ?? outcome.Answer)));

    private Action BeginInside(KvCodec codec, Diagnoser diagnoser) => _begin($"{codec.Spec}, inside", diagnoser.RowCount);
}
