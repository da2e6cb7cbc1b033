using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Tests.Saliency;

public sealed class ProbeRowsTests
{
    [Fact]
    public void Draw_AnyCountAndFraction_AscendingDistinctWithTheLastRows()
    {
        Prop.ForAll(
            Gen.Choose(1, 9000).ToArbitrary(),
            Gen.Choose(1, 100).ToArbitrary(),
            Gen.Choose(0, int.MaxValue).ToArbitrary(),
            (rowCount, percent, seed) =>
            {
                int[] rows = ProbeRows.Draw(rowCount, percent / 100.0, (ulong)seed);
                int recent = Math.Clamp((int)Math.Ceiling(rowCount * percent / 200.0), 1, rowCount);
                Assert.Equal(rows.Distinct().Order(), rows);
                Assert.InRange(rows[0], 0, rowCount - 1);
                Assert.Equal(Enumerable.Range(rowCount - recent, recent), rows[^recent..]);
                Assert.InRange(rows.Length, recent, Math.Min(rowCount, (2 * recent) + 1));
                Assert.Equal(rows, ProbeRows.Draw(rowCount, percent / 100.0, (ulong)seed));
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void Draw_ManySeeds_EveryRowIsDrawnAboutAsOften()
    {
        int[] counts = new int[60];
        for (ulong seed = 0; seed < 6000; seed++)
        {
            foreach (int row in ProbeRows.Draw(64, 0.1, seed).Where(row => row < 60))
            {
                counts[row]++;
            }
        }

        // 3 of 60 rows a draw: 300 each, standard deviation 17.
        Assert.All(counts, count => Assert.InRange(count, 200, 400));
    }

    [Fact]
    public void BlockProbes_TenPercent_FourRecentThreeRandomAndNotAlwaysTheSame()
    {
        var probes = new BlockProbes(0.1);
        Assert.Equal(7, probes.Count);
        Assert.Equal([60, 61, 62, 63], probes.Columns(5)[^4..].ToArray());
        Assert.NotEqual(probes.Columns(1).ToArray(), probes.Columns(2).ToArray());
        Assert.Equal(0, probes.CountBelow(3, 0));
        Assert.Equal(4, probes.CountBelow(3, 61));
        Assert.Equal(7, probes.CountBelow(3, KvGeometry.BlockTokenCount));
    }
}
