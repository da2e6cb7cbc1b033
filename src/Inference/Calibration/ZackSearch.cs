using System.Globalization;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Calibration;

/// <summary>
/// ZACK's ranks under an accuracy bound (papers.md 1.1): every layer may err by the same share of its attention output, and that share is
/// bisected until the model still answers as often as asked.
/// </summary>
internal sealed class ZackSearch(
    ModelFolder folder, ZackRecipe recipe, IReadOnlyList<ZackBases> bases, IReadOnlyList<RankCosts> costs, IProgress<CalibrationProgress> progress)
{
    private const int StepCount = 7;
    private const double LeastError = 0.005;
    private const double GreatestError = 0.64;

    private readonly KvGeometry _geometry = ModelKvGeometry.Of(folder.Config);

    /// <exception cref="CalibrationException">Even the least error budget loses too much.</exception>
    public (IReadOnlyList<LayerCalibration> Layers, string Note) Run(IReadOnlyList<AnsweredPrompt> prompts, CancellationToken cancellationToken)
    {
        if (prompts.Count == 0)
        {
            throw new CalibrationException($"'{recipe.Spec}' needs prompts with their references to validate on.");
        }

        var check = new AnswerCheck(folder, prompts);
        double raw = check.Accuracy(new RawCodec(_geometry), 0, cancellationToken);
        double bound = recipe.Accuracy * raw - 1e-9;
        IReadOnlyList<LayerCalibration>? best = null;
        string note = "";
        double low = Math.Log(LeastError);
        double high = Math.Log(GreatestError);
        for (int step = 0; step < StepCount; step++)
        {
            progress.Report(new CalibrationProgress("searching", step, StepCount));
            double error = Math.Exp((low + high) / 2);
            IReadOnlyList<LayerCalibration> layers = Make(error);
            double accuracy = check.Accuracy(Codec(layers), bound, cancellationToken);
            if (accuracy >= bound)
            {
                best = layers;
                note = string.Create(CultureInfo.InvariantCulture, $"error budget {error:0.0000} of each layer's attention output: {accuracy / raw:P1} of the accuracy without compression ({raw:P1} of {check.PromptCount} prompts), {Share(layers):P1} of the channels");
                low = Math.Log(error);
            }
            else
            {
                high = Math.Log(error);
            }
        }

        progress.Report(new CalibrationProgress("searching", StepCount, StepCount));
        return best is not null
            ? (best, note)
            : throw new CalibrationException($"'{recipe.Spec}': no ranks were found that keep {recipe.Accuracy:P1} of the accuracy.");
    }

    private LayerCalibration[] Make(double error) => [.. bases.Select((layer, index) => layer.Make(costs[index].Cheapest(error)))];

    private KvCodec Codec(IReadOnlyList<LayerCalibration> layers) =>
        CodecRegistry.Create(recipe.Spec, _geometry, new SingleProfile(
            new StoredProfile(recipe.Spec, folder.Fingerprint, _geometry, [.. layers.Select(layer => layer.Groups)]).ToProfile()));

    private double Share(IReadOnlyList<LayerCalibration> layers) =>
        layers.Average(layer => (double)layer.Groups.Sum(group => group.Key.Rank + group.Value.Rank)) / (2 * _geometry.ChannelCount);
}
