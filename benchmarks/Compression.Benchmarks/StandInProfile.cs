using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Benchmarks;

/// <summary>Profiles with the sizes of calibrated ones and maps of no meaning: <c>pca(heads=…)+waterfill</c> as in benchmarks/studies/water_filling.md.</summary>
internal sealed class StandInProfile(KvGeometry geometry) : IProfileSource
{
    public Profile? Find(string spec)
    {
        int heads = spec["pca(heads=".Length] - '0';
        HeadGroup[] groups = [.. Enumerable.Range(0, geometry.KvHeadCount / heads).Select(i => Group([.. Enumerable.Range(i * heads, heads)]))];
        return new Profile(spec, 1, (ulong)heads, geometry, [.. Enumerable.Repeat(new LayerProfile(groups), geometry.LayerCount)]);
    }

    /// <summary>Bits fall with the component, as variances do: about 1.5 a channel of K and 0.8 of V.</summary>
    private HeadGroup Group(int[] kvHeads)
    {
        int channels = kvHeads.Length * geometry.HeadSize;
        byte[] keyBits = kvHeads.Length == 1 ? [3, 2, 1] : Falling(channels / 16, 0.6, 5);
        byte[] valueBits = kvHeads.Length == 1 ? [2, 1] : Falling(channels / 16, 0.4, 4);
        float[] keyMap = Identity(channels, 16 * keyBits.Length);
        float[] valueMap = Identity(channels, 16 * valueBits.Length);
        return new HeadGroup
        {
            KvHeads = kvHeads,
            KeyRank = 16 * keyBits.Length,
            ValueRank = 16 * valueBits.Length,
            KeyMap = keyMap,
            QueryMap = keyMap,
            ValueMap = valueMap,
            OutputMap = valueMap,
            KeyBits = keyBits,
            ValueBits = valueBits,
        };
    }

    private static byte[] Falling(int groupCount, double keptShare, int most)
    {
        int kept = (int)Math.Ceiling(groupCount * keptShare);
        return [.. Enumerable.Range(0, kept).Select(i => (byte)Math.Max(1, Math.Round(most * Math.Pow(1 - ((double)i / kept), 1.3))))];
    }

    private static float[] Identity(int rowCount, int columnCount)
    {
        var map = new float[rowCount * columnCount];
        for (int i = 0; i < columnCount; i++)
        {
            map[(i * columnCount) + i] = 1;
        }

        return map;
    }
}
