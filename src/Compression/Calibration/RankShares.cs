namespace KvCluster.Compression.Calibration;

/// <summary>
/// Shares ranks out over all layers and heads by reverse water-filling: of all next 16 channels of any head, the one that holds most energy is
/// kept first. A layer counts by its shares of its own energy, so that all weigh the same.
/// </summary>
public static class RankShares
{
    /// <summary>Ranks by layer and head.</summary>
    /// <param name="energies">By layer, head and direction, falling in each head; as many of each head.</param>
    /// <param name="meanRank">Channels a head on average: from 16 to the number of directions.</param>
    public static int[][] Of(IReadOnlyList<IReadOnlyList<IReadOnlyList<double>>> energies, double meanRank)
    {
        ArgumentNullException.ThrowIfNull(energies);
        int headCount = energies.Sum(layer => layer.Count);
        int unitCount = headCount + (int)Math.Round((meanRank - Ranks.Step) / Ranks.Step * headCount);
        var ranks = new Queue<int>(Share([.. energies.SelectMany(layer => Normalised(layer))], unitCount));
        return [.. energies.Select(layer => layer.Select(_ => ranks.Dequeue()).ToArray())];
    }

    /// <summary>Ranks by spectrum that lose the least energy for so many units of 16 channels; each spectrum keeps one unit at least.</summary>
    /// <param name="spectra">Energies of directions, falling, in units in which all of them compare.</param>
    /// <param name="unitCount">Units to share out.</param>
    public static int[] Share(IReadOnlyList<IReadOnlyList<double>> spectra, int unitCount)
    {
        ArgumentNullException.ThrowIfNull(spectra);
        int[] ranks = [.. spectra.Select(_ => Ranks.Step)];
        IEnumerable<(double Energy, int Spectrum)> units = spectra.SelectMany(
            (spectrum, index) => spectrum.Chunk(Ranks.Step).Skip(1).Select(unit => (unit.Sum(), index)));
        foreach ((_, int spectrum) in units.OrderByDescending(unit => unit.Energy).Take(unitCount - ranks.Length))
        {
            ranks[spectrum] += Ranks.Step;
        }

        return ranks;
    }

    /// <summary>Spectra in shares of their sum, times a weight.</summary>
    public static IReadOnlyList<double>[] Normalised(IReadOnlyList<IReadOnlyList<double>> spectra, double weight = 1)
    {
        ArgumentNullException.ThrowIfNull(spectra);
        double total = Math.Max(spectra.Sum(spectrum => spectrum.Sum()), double.Epsilon);
        return [.. spectra.Select(spectrum => (double[])[.. spectrum.Select(energy => weight * energy / total)])];
    }
}
