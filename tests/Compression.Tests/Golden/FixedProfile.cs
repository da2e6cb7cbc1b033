using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Tests.Golden;

/// <summary>One group of two heads of 16: its 32 channels as they are, times 8, with 3 and 5 bits of K, 2 and 1 of V.</summary>
internal sealed class FixedProfile(KvGeometry geometry) : IProfileSource
{
    public Profile? Find(string spec)
    {
        float[] map = new float[32 * 32];
        float[] inverse = new float[32 * 32];
        for (int i = 0; i < 32; i++)
        {
            map[i * 33] = 8;
            inverse[i * 33] = 1 / 8f;
        }

        var group = new HeadGroup
        {
            KvHeads = [0, 1],
            KeyRank = 32,
            ValueRank = 32,
            KeyMap = map,
            QueryMap = inverse,
            ValueMap = map,
            OutputMap = inverse,
            KeyBits = [3, 5],
            ValueBits = [2, 1],
        };
        return new Profile(spec, 1, 2, geometry, [.. Enumerable.Repeat(new LayerProfile([group]), geometry.LayerCount)]);
    }
}
