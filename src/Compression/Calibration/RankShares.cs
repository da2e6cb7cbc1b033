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
        int[][] ranks = [.. energies.Select(layer => layer.Select(_ => Ranks.Step).ToArray())];
        var units = new List<(double Share, int Layer, int Head)>();
        for (int layer = 0; layer < energies.Count; layer++)
        {
            double total = Math.Max(energies[layer].Sum(head => head.Sum()), double.Epsilon);
            for (int head = 0; head < energies[layer].Count; head++)
            {
                units.AddRange(energies[layer][head].Chunk(Ranks.Step).Skip(1).Select(unit => (unit.Sum() / total, layer, head)));
            }
        }

        int headCount = ranks.Sum(layer => layer.Length);
        int count = (int)Math.Round((meanRank - Ranks.Step) / Ranks.Step * headCount);
        foreach ((_, int layer, int head) in units.OrderByDescending(unit => unit.Share).Take(count))
        {
            ranks[layer][head] += Ranks.Step;
        }

        return ranks;
    }
}
