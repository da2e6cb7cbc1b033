using System.Globalization;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>
/// ZACK's ranks under an accuracy bound (papers.md 1.1): a total of channels is shared out over all heads by <see cref="RankShares"/>, V getting
/// half of K's, and the total is bisected until the model still answers as often as asked.
/// </summary>
/// <remarks>
/// Tried first: a budget of error of each layer's attention output (Eigen Attention's rule). On the demo model it needed 78 % of the channels:
/// it spends them on V and on layers whose outputs are large, while answers hang on precise keys.
/// </remarks>
internal sealed class ZackSearch(
    ModelFolder folder, ZackRecipe recipe, IReadOnlyList<ZackBases> bases, IProgress<CalibrationProgress> progress)
{
    private const int StepCount = 6;
    private const double ValueShare = 0.5;

    private readonly KvGeometry _geometry = ModelKvGeometry.Of(folder.Config);

    /// <exception cref="CalibrationException">There are no prompts, or full ranks lose too much.</exception>
    public (IReadOnlyList<LayerCalibration> Layers, string Note) Run(IReadOnlyList<AnsweredPrompt> prompts, CancellationToken cancellationToken)
    {
        if (prompts.Count == 0)
        {
            throw new CalibrationException($"'{recipe.Spec}' needs prompts with their references to validate on.");
        }

        var check = new AnswerCheck(folder, prompts);
        double raw = check.Accuracy(new RawCodec(_geometry), 0, cancellationToken);
        double bound = (recipe.Accuracy * raw) - 1e-9;
        (IReadOnlyList<LayerCalibration> Layers, string Note)? best = null;
        double low = Ranks.Step;
        double high = _geometry.HeadSize;
        for (int step = 0; step < StepCount || best is null; step++)
        {
            progress.Report(new CalibrationProgress("searching", step, StepCount));
            double rank = step < StepCount ? (low + high) / 2 : _geometry.HeadSize;
            LayerCalibration[] layers = Make(rank);
            double accuracy = check.Accuracy(Codec(layers), bound, cancellationToken);
            if (accuracy >= bound)
            {
                best = (layers, Note(layers, accuracy / raw, raw, check.PromptCount));
                high = rank;
            }
            else if (step == StepCount)
            {
                throw new CalibrationException($"'{recipe.Spec}': V at half of its channels loses more than the bound allows; give an energy instead.");
            }
            else
            {
                low = rank;
            }
        }

        progress.Report(new CalibrationProgress("searching", StepCount, StepCount));
        return best.Value;
    }

    private LayerCalibration[] Make(double keyRank)
    {
        int[][] keys = RankShares.Of([.. bases.Select(layer => layer.KeyEnergies)], keyRank);
        int[][] values = RankShares.Of([.. bases.Select(layer => layer.ValueEnergies)], Math.Max(Ranks.Step, ValueShare * keyRank));
        return [.. bases.Select((layer, index) => layer.Make([.. keys[index].Zip(values[index], (key, value) => new HeadRanks(key, value))]))];
    }

    private KvCodec Codec(IReadOnlyList<LayerCalibration> layers) =>
        CodecRegistry.Create(recipe.Spec, _geometry, new SingleProfile(
            new StoredProfile(recipe.Spec, folder.Fingerprint, _geometry, [.. layers.Select(layer => layer.Groups)]).ToProfile()));

    private string Note(LayerCalibration[] layers, double kept, double raw, int promptCount)
    {
        double share = layers.Average(layer => (double)layer.Groups.Sum(group => group.Key.Rank + group.Value.Rank)) / (2 * _geometry.ChannelCount);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{100 * share:0.0} % of the channels keep {100 * kept:0.0} % of the accuracy without compression ({100 * raw:0.0} % of {promptCount} prompts)");
    }
}
