using KvCluster.Compression.Calibration;
using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Inference.Calibration;

/// <summary>What calibration expects of one layer.</summary>
public sealed record LayerReport
{
    /// <summary>By group.</summary>
    public required IReadOnlyList<int> KeyRanks { get; init; }

    public required IReadOnlyList<int> ValueRanks { get; init; }

    /// <summary>Directions that hold 90 and 99 % of a group's energy, on average; 0 when not computed.</summary>
    public required (double Of90, double Of99) KeySpectrum { get; init; }

    public required (double Of90, double Of99) ValueSpectrum { get; init; }

    /// <summary>Share of the energy of K (variance, when means are kept) that the projection loses.</summary>
    public required double KeyError { get; init; }

    public required double ValueError { get; init; }

    /// <summary>Bits a channel of the model that waterfill spends on K; 16 times the share of channels without it.</summary>
    public required double KeyBits { get; init; }

    public required double ValueBits { get; init; }

    internal static IReadOnlyList<LayerReport> Of(IReadOnlyList<LayerStatistics> statistics, IReadOnlyList<LayerCalibration> layers) =>
        [.. layers.Select((layer, index) => Of(statistics[index], layer))];

    private static LayerReport Of(LayerStatistics statistics, LayerCalibration layer) => new()
    {
        KeyRanks = [.. layer.Groups.Select(group => group.Key.Rank)],
        ValueRanks = [.. layer.Groups.Select(group => group.Value.Rank)],
        KeySpectrum = Spectrum(layer.KeySpectra),
        ValueSpectrum = Spectrum(layer.ValueSpectra),
        KeyError = Error(statistics, statistics.Keys, layer.Groups, group => group.Key),
        ValueError = Error(statistics, statistics.Values, layer.Groups, group => group.Value),
        KeyBits = Bits(layer.Groups, group => group.Key, statistics.Geometry.ChannelCount),
        ValueBits = Bits(layer.Groups, group => group.Value, statistics.Geometry.ChannelCount),
    };

    private static (double Of90, double Of99) Spectrum(IReadOnlyList<IReadOnlyList<double>> spectra) => spectra.Count == 0
        ? (0, 0)
        : (spectra.Average(values => Count(values, 0.9)), spectra.Average(values => Count(values, 0.99)));

    private static int Count(IReadOnlyList<double> values, double energy)
    {
        double left = energy * values.Sum();
        return values.TakeWhile(value => (left -= value) > 0).Count() + 1;
    }

    private static double Bits(IReadOnlyList<GroupBasis> groups, Func<GroupBasis, SideBasis> side, int channelCount) =>
        groups.Select(side).Sum(basis => basis.Bits.Length == 0 ? 16.0 * basis.Rank : basis.Bits.Sum(bits => (double)bits * Ranks.Step)) / channelCount;

    private static double Error(
        LayerStatistics statistics, IReadOnlyList<GramMatrix> sets, IReadOnlyList<GroupBasis> groups, Func<GroupBasis, SideBasis> side)
    {
        double error = 0;
        double total = 0;
        foreach (GroupBasis group in groups)
        {
            SideBasis basis = side(group);
            (GramMatrix gram, int[] elements) = statistics.Select(sets, group.KvHeads);
            Matrix<double> moment = basis.Mean.Length > 0 ? gram.Covariance(elements) : gram.SecondMoment(elements);
            error += ProjectionError.Of(moment, basis);
            total += moment.Trace();
        }

        return error / Math.Max(total, double.Epsilon);
    }
}
