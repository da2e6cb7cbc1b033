using KvCluster.Compression.Blocks;
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
        return RunAll([profileSpec], texts, prompts)[0];
    }

    /// <summary>Makes the Profiles of several specs; the texts are observed once.</summary>
    /// <inheritdoc cref="Run"/>
    public IReadOnlyList<CalibrationResult> RunAll(
        IReadOnlyList<string> profileSpecs, IReadOnlyList<string> texts, IReadOnlyList<AnsweredPrompt> prompts)
    {
        ArgumentNullException.ThrowIfNull(profileSpecs);
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(prompts);
        ProfileRecipe[] recipes = [.. profileSpecs.Select(ProfileRecipe.Of)];
        LayerStatistics[] statistics = WeightMoments.Begin(_folder, HeadsPerSet(recipes));
        int[][] tokens = [.. texts.Select(Tokens)];
        Observe(tokens, new StatisticsCollector(_folder.Config, statistics));
        long tokenCount = tokens.Sum(ids => (long)ids.Length);
        return [.. recipes.Select(recipe => Make(recipe, statistics, prompts, tokenCount))];
    }

    private CalibrationResult Make(
        ProfileRecipe recipe, LayerStatistics[] statistics, IReadOnlyList<AnsweredPrompt> prompts, long tokenCount)
    {
        (IReadOnlyList<LayerCalibration> layers, string note) = recipe is ZackRecipe { Energy: null } zack
            ? Search(zack, statistics, prompts)
            : (recipe.Make(statistics), "");
        var profile = new StoredProfile(
            recipe.Spec, _folder.Fingerprint, ModelKvGeometry.Of(_folder.Config), [.. layers.Select(layer => layer.Groups)]);
        return new CalibrationResult(profile, LayerReport.Of(statistics, layers), tokenCount, note);
    }

    private (IReadOnlyList<LayerCalibration> Layers, string Note) Search(
        ZackRecipe recipe, LayerStatistics[] statistics, IReadOnlyList<AnsweredPrompt> prompts)
    {
        ZackBases[] bases = [.. statistics.Select(layer => new ZackBases(layer, recipe.IsJoint))];
        return new ZackSearch(_folder, recipe, bases, _progress).Run(prompts, _cancellationToken);
    }

    /// <summary>The largest group that a recipe needs, when all others are parts of it; else all heads.</summary>
    private int HeadsPerSet(ProfileRecipe[] recipes)
    {
        KvGeometry geometry = ModelKvGeometry.Of(_folder.Config);
        int[] sizes = [.. recipes.Select(recipe => recipe.HeadsPerSet(geometry))];
        for (int i = 0; i < sizes.Length; i++)
        {
            if (geometry.KvHeadCount % sizes[i] != 0)
            {
                throw new CalibrationException($"'{recipes[i].Spec}' needs groups of {sizes[i]} KV heads, and the model has {geometry.KvHeadCount}.");
            }
        }

        return sizes.All(size => sizes.Max() % size == 0) ? sizes.Max() : geometry.KvHeadCount;
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
