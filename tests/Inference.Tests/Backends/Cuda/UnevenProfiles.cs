using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>
/// Profiles as ZACK makes them: groups of one or two KV heads in random order, each with ranks of its own for K and V, some with means; maps of nearly
/// orthogonal columns, so that what is projected comes back in the order of its size.
/// </summary>
internal sealed class UnevenProfiles(KvGeometry geometry, int seed) : IProfileSource
{
    public Profile Find(string spec)
    {
        var random = new Random(seed);
        LayerProfile[] layers = [.. Enumerable.Range(0, geometry.LayerCount).Select(_ => Layer(random))];
        return new Profile(spec, ModelFingerprint: 42, Fingerprint: (ulong)seed, geometry, layers);
    }

    private LayerProfile Layer(Random random)
    {
        int[] heads = [.. Enumerable.Range(0, geometry.KvHeadCount)];
        random.Shuffle(heads);
        var groups = new List<HeadGroup>();
        for (int taken = 0, count; taken < heads.Length; taken += count)
        {
            count = Math.Min(random.Next(1, 3), heads.Length - taken);
            groups.Add(Group(heads[taken..(taken + count)], random));
        }

        return new LayerProfile(groups);
    }

    private HeadGroup Group(int[] heads, Random random)
    {
        int channels = heads.Length * geometry.HeadSize;
        int keyRank = 16 * random.Next(1, (channels / 16) + 1), valueRank = 16 * random.Next(1, (channels / 16) + 1);
        float[] keyMap = Map(channels, keyRank, random), valueMap = Map(channels, valueRank, random);
        return new HeadGroup
        {
            KvHeads = heads,
            KeyRank = keyRank,
            ValueRank = valueRank,
            KeyMap = keyMap,
            QueryMap = keyMap,
            ValueMap = valueMap,
            OutputMap = valueMap,
            KeyMean = random.Next(2) == 0 ? [] : Map(channels, 1, random),
            ValueMean = random.Next(2) == 0 ? [] : Map(channels, 1, random),
        };
    }

    private static float[] Map(int rowCount, int columnCount, Random random) =>
        [.. Enumerable.Range(0, rowCount * columnCount).Select(_ => (random.NextSingle() - 0.5f) * 3.46f / MathF.Sqrt(rowCount))];
}
