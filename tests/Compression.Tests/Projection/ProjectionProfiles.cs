using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;

namespace KvCluster.Compression.Tests.Projection;

/// <summary>Profiles of random maps: two layers of unequal groups and ranks, with and without means and steps.</summary>
internal static class ProjectionProfiles
{
    public static StoredProfile Random(KvGeometry geometry, int seed, string spec = "zack(energy=0.98)")
    {
        var random = new Random(seed);
        return new StoredProfile(spec, 42, geometry, [.. Enumerable.Range(0, geometry.LayerCount).Select(_ => Layer(geometry, random))]);
    }

    private static List<GroupBasis> Layer(KvGeometry geometry, Random random)
    {
        int[] heads = [.. Enumerable.Range(0, geometry.KvHeadCount)];
        random.Shuffle(heads);
        var groups = new List<GroupBasis>();
        for (int taken = 0; taken < heads.Length;)
        {
            int count = random.Next(1, Math.Min(3, heads.Length - taken) + 1);
            int channels = count * geometry.HeadSize;
            groups.Add(new GroupBasis(heads[taken..(taken + count)], Side(channels, random), Side(channels, random)));
            taken += count;
        }

        return groups;
    }

    private static SideBasis Side(int channels, Random random)
    {
        int rank = 16 * random.Next(1, Math.Min(channels / 16, 8) + 1);
        float scale = 1 / MathF.Sqrt(channels);
        Half[] Map() => [.. Enumerable.Range(0, channels * rank).Select(_ => (Half)(scale * ((2 * random.NextSingle()) - 1)))];
        return new SideBasis
        {
            Rank = rank,
            Map = Map(),
            Inverse = random.Next(2) == 0 ? [] : Map(),
            Steps = random.Next(2) == 0 ? [] : [.. Enumerable.Range(0, rank).Select(_ => 0.5f + random.NextSingle())],
            Mean = random.Next(2) == 0 ? [] : [.. Enumerable.Range(0, channels).Select(_ => random.NextSingle() - 0.5f)],
        };
    }
}
