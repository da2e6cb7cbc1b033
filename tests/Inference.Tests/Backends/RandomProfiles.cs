using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>
/// Profiles of random maps: all KV heads in one group in reverse order, means, other ranks for K and V and by layer. Nothing that they restore is
/// right, so only the same arithmetic gives the same bits.
/// </summary>
internal sealed class RandomProfiles(KvGeometry geometry) : IProfileSource
{
    public Profile Find(string spec)
    {
        var random = new Random(3);
        LayerProfile[] layers = [.. Enumerable.Range(0, geometry.LayerCount).Select(layer => new LayerProfile([Group(layer, random)]))];
        return new Profile(spec, ModelFingerprint: 42, Fingerprint: 17, geometry, layers);
    }

    private HeadGroup Group(int layer, Random random)
    {
        int channels = geometry.ChannelCount;
        int keyRank = channels - (16 * layer);
        int valueRank = channels - 16;
        float[] keyMap = Map(channels, keyRank, random);
        float[] valueMap = Map(channels, valueRank, random);
        return new HeadGroup
        {
            KvHeads = [.. Enumerable.Range(0, geometry.KvHeadCount).Reverse()],
            KeyRank = keyRank,
            ValueRank = valueRank,
            KeyMap = keyMap,
            QueryMap = keyMap,
            ValueMap = valueMap,
            OutputMap = valueMap,
            KeyMean = Map(channels, 1, random),
            ValueMean = Map(channels, 1, random),
        };
    }

    private static float[] Map(int rowCount, int columnCount, Random random) =>
        [.. Enumerable.Range(0, rowCount * columnCount).Select(_ => (random.NextSingle() - 0.5f) * 3 / MathF.Sqrt(rowCount))];
}
