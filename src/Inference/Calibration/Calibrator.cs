using KvCluster.Compression.Calibration;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>Makes Profiles of one model.</summary>
public sealed class Calibrator
{
    private readonly ModelFolder _folder;
    private readonly IProgress<CalibrationProgress> _progress;
    private readonly CancellationToken _cancellationToken;

    /// <param name="folder">The model; stays the caller's.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="cancellationToken">Stops between texts.</param>
    public Calibrator(ModelFolder folder, IProgress<CalibrationProgress> progress, CancellationToken cancellationToken)
    {
        _folder = folder;
        _progress = progress;
        _cancellationToken = cancellationToken;
    }

    /// <summary>Whether the Profile is searched for under an accuracy bound, so that <see cref="Run"/> needs prompts.</summary>
    public static bool NeedsPrompts(string profileSpec) => ProfileRecipe.Of(profileSpec) is ZackRecipe { Energy: null };

    /// <summary>Runs the model over texts and makes the Profile of some stages.</summary>
    /// <param name="profileSpec">As <see cref="Compression.Codecs.CodecRegistry.ProfileSpec"/> names them.</param>
    /// <param name="texts">What the statistics are of. At least one.</param>
    /// <param name="prompts">What a search under an accuracy bound validates on.</param>
    /// <exception cref="CalibrationException">The model failed on a text, or no ranks keep the accuracy.</exception>
    public CalibrationResult Run(string profileSpec, IReadOnlyList<string> texts, IReadOnlyList<AnsweredPrompt> prompts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(prompts);
        ProfileRecipe recipe = ProfileRecipe.Of(profileSpec);
        LayerStatistics[] statistics = WeightMoments.Begin(_folder, HeadsPerSet(recipe));
        int[][] tokens = [.. texts.Select(Tokens)];
        Observe(tokens, new StatisticsCollector(_folder.Config, statistics));
        _progress.Report(new CalibrationProgress("eigenvectors", 0, 1));
        IReadOnlyList<LayerCalibration> layers = recipe.Make(statistics);
        _progress.Report(new CalibrationProgress("eigenvectors", 1, 1));
        var profile = new StoredProfile(
            recipe.Spec, _folder.Fingerprint, ModelKvGeometry.Of(_folder.Config), [.. layers.Select(layer => layer.Groups)]);
        return new CalibrationResult(profile, LayerReport.Of(statistics, layers), tokens.Sum(ids => ids.Length), "");
    }

    private int HeadsPerSet(ProfileRecipe recipe)
    {
        int heads = recipe.HeadsPerSet(ModelKvGeometry.Of(_folder.Config));
        return _folder.Config.KvHeadCount % heads == 0
            ? heads
            : throw new CalibrationException($"'{recipe.Spec}' needs groups of {heads} KV heads, and the model has {_folder.Config.KvHeadCount}.");
    }

    private int[] Tokens(string text)
    {
        int[] ids = _folder.Tokenizer.Encode(text);
        return ids.Length <= _folder.Config.MaxPositionCount ? ids : ids[.._folder.Config.MaxPositionCount];
    }

    private void Observe(int[][] texts, ILayerObserver observer)
    {
        using CpuModelRunner runner = CpuModelRunner.Load(_folder, new Compression.Codecs.RawCodec(ModelKvGeometry.Of(_folder.Config)));
        runner.Observer = observer;
        var prefill = new Prefill(runner);
        for (int i = 0; i < texts.Length; i++)
        {
            _cancellationToken.ThrowIfCancellationRequested();
            using SequenceCache cache = prefill.NewCache();
            prefill.Run(cache, texts[i]);
            _progress.Report(new CalibrationProgress("observing", i + 1, texts.Length));
        }
    }
}
