using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// Ranks of merged heads that differ by layer, group, and between K and V, where the paper has one for all: the next 16 channels go where they
/// hold the largest share of their layer's variance, K's counting more than V's.
/// </summary>
internal static class SpreadRanks
{
    /// <summary>
    /// What a share of K's variance counts for, in V's: an error of keys moves attention to other tokens, one of values only dims what is read.
    /// Chosen of 1 to 16 on prompts of math made for it, where a quarter of the channels is best with 4 to 6 and half of them with any up to 6.
    /// </summary>
    public const double KeyWeight = 4;

    /// <summary>Centred bases of all layers; slabs with their headers take at most <paramref name="keep"/> of the 16-bit bytes.</summary>
    /// <param name="layers">Components by layer.</param>
    /// <param name="geometry">Of the model's KV.</param>
    /// <param name="keep">Share of all bytes.</param>
    public static IReadOnlyList<LayerCalibration> Make(IReadOnlyList<LayerComponents> layers, KvGeometry geometry, double keep)
    {
        IReadOnlyList<double>[] spectra = [.. layers.SelectMany(layer =>
            RankShares.Normalised(Spectra(layer.Keys), KeyWeight).Concat(RankShares.Normalised(Spectra(layer.Values))))];
        int[] ranks = RankShares.Share(spectra, UnitCount(geometry, layers.Count, keep));
        var made = new LayerCalibration[layers.Count];
        int next = 0;
        for (int layer = 0; layer < made.Length; layer++)
        {
            int keys = next;
            int values = keys + layers[layer].Keys.Count;
            next = values + layers[layer].Values.Count;
            made[layer] = layers[layer].Make((group, _) => ranks[keys + group], (group, _) => ranks[values + group]);
        }

        return made;
    }

    /// <summary>Units of 16 channels whose bytes, with the headers, are at most a share of the bytes of all channels.</summary>
    public static int UnitCount(KvGeometry geometry, int layerCount, double keep)
    {
        const int channelSizeBytes = KvGeometry.BlockTokenCount * sizeof(ushort);
        double budgetBytes = layerCount * ((keep * 2 * geometry.ChannelCount * channelSizeBytes) - Slab.HeaderSizeBytes);
        return (int)(budgetBytes / (Ranks.Step * channelSizeBytes));
    }

    private static IReadOnlyList<double>[] Spectra(IReadOnlyList<PrincipalComponents> groups) => [.. groups.Select(group => group.Eigen.Values)];
}
