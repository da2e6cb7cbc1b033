using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Tests.Saliency;

public sealed class SaliencySumsTests
{
    private const int Length = 40;

    /// <summary>papers.md 2.7: equal logits give p̃_i = 1/(L−i)·Σ_{k≥i} 1/(k+1).</summary>
    [Theory]
    [InlineData(SaliencyNorm.Probes)]
    [InlineData(SaliencyNorm.Official)]
    public void Normalise_AllRowsProbeUniformAttention_IsTheClosedForm(SaliencyNorm norm)
    {
        int[] probes = [.. Enumerable.Range(0, Length)];
        float[] sums = Sums(probes);
        SaliencySums.Normalise(sums, probes, Length, norm);
        for (int i = 0; i < Length; i++)
        {
            double expected = Enumerable.Range(i, Length - i).Sum(k => 1.0 / (k + 1)) / (Length - i);
            Assert.Equal(expected, sums[i], 1e-6);
        }
    }

    [Fact]
    public void Normalise_FewProbes_CountsThoseThatSeeTheToken()
    {
        int[] probes = [5, 20, 38];
        float[] sums = Sums(probes);
        float[] raw = [.. sums];
        SaliencySums.Normalise(sums, probes, Length, SaliencyNorm.Probes);
        Assert.Equal(raw[5] / 3, sums[5]);
        Assert.Equal(raw[6] / 2, sums[6]);
        Assert.Equal(raw[21], sums[21]);
        Assert.Equal(0, sums[39]);
    }

    /// <summary>papers.md 2.6.1: the authors' divisor is the same for the last rows and greater before, so late tokens gain.</summary>
    [Fact]
    public void Normalise_OfficialNorm_FavoursLateTokens()
    {
        int[] probes = [.. Enumerable.Range(Length - 4, 4)];
        float[] byProbes = Sums(probes);
        float[] official = [.. byProbes];
        SaliencySums.Normalise(byProbes, probes, Length, SaliencyNorm.Probes);
        SaliencySums.Normalise(official, probes, Length, SaliencyNorm.Official);
        Assert.Equal(byProbes[Length - 2], official[Length - 2]);
        Assert.Equal(10, byProbes[0] / official[0], 1e-4);
    }

    [Fact]
    public void Normalise_None_IsAccumulatedAttention()
    {
        int[] probes = [3, 30];
        float[] sums = Sums(probes);
        float[] raw = [.. sums];
        SaliencySums.Normalise(sums, probes, Length, SaliencyNorm.None);
        Assert.Equal(raw, sums);
    }

    private static float[] Sums(int[] probes)
    {
        float[] sums = new float[Length];
        foreach (int k in probes)
        {
            for (int i = 0; i <= k; i++)
            {
                sums[i] += 1f / (k + 1);
            }
        }

        return sums;
    }
}
