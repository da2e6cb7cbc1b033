using System.Numerics;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

public sealed unsafe class TokenSelectionTests
{
    private static readonly LatentShape Shape = new([(16, 16)]);

    [Fact]
    public void Choose_Saliency_PicksTheMostSalient()
    {
        float[] saliency = [.. Enumerable.Range(0, 64).Select(token => (float)((token * 37) % 64))];
        ulong chosen = Choose(saliency, 16, null, Latents.Random(Shape, 1));
        Assert.All(Enumerable.Range(0, 64), token => Assert.Equal(saliency[token] >= 48, (chosen >> token & 1) == 1));
    }

    [Fact]
    public void Choose_EqualSaliency_PicksTheEarlier() =>
        Assert.Equal(0xFFFF_FFFFUL, Choose(new float[64], 32, null, Latents.Random(Shape, 1)));

    [Fact]
    public void Choose_NegativeInfiniteAndNaN_AreOrderedAndCounted()
    {
        float[] saliency = new float[64];
        (saliency[60], saliency[61], saliency[0], saliency[1]) = (float.PositiveInfinity, 1e-30f, float.NaN, float.NegativeInfinity);
        ulong chosen = Choose(saliency, 16, null, Latents.Random(Shape, 1));
        Assert.Equal((3UL << 60) | (0x3FFFUL << 2), chosen);
    }

    [Fact]
    public void Choose_Random_DependsOnContentAndSeedAlone()
    {
        float[] one = Latents.Random(Shape, 1);
        float[] other = Latents.Random(Shape, 2);
        ulong chosen = Choose([], 48, 3, one);
        Assert.Equal(48, BitOperations.PopCount(chosen));
        Assert.Equal(chosen, Choose([], 48, 3, [.. one]));
        Assert.NotEqual(chosen, Choose([], 48, 4, one));
        Assert.NotEqual(chosen, Choose([], 48, 3, other));
    }

    [Fact]
    public void Encode_RandomChoiceOverManyBlocks_PicksEveryTokenAboutAsOften()
    {
        int[] counts = new int[64];
        for (int seed = 0; seed < 400; seed++)
        {
            ulong chosen = Choose([], 32, 0, Latents.Random(Shape, seed));
            for (int token = 0; token < 64; token++)
            {
                counts[token] += (int)(chosen >> token & 1);
            }
        }

        Assert.All(counts, count => Assert.InRange(count, 150, 250));
    }

    [Fact]
    public void TokenOrder_ThereAndBack_IsTheRow()
    {
        var random = new Random(1);
        for (int round = 0; round < 200; round++)
        {
            ulong chosen = (ulong)random.NextInt64() ^ ((ulong)random.NextInt64() << 30);
            float[] row = Latents.Floats(64, round);
            float[] stored = new float[64 + TokenOrder.Slack];
            float[] back = new float[64];
            fixed (float* source = row, middle = stored, destination = back)
            {
                TokenOrder.ToStored(chosen, source, middle);
                TokenOrder.ToTokens(chosen, middle, destination);
            }

            float[] expected = [.. row.Where((_, token) => (chosen >> token & 1) == 1), .. row.Where((_, token) => (chosen >> token & 1) == 0)];
            Assert.Equal(expected, stored[..64]);
            Assert.Equal(row, back);
        }
    }

    private static ulong Choose(float[] saliency, int count, ulong? seed, float[] latent)
    {
        fixed (float* source = latent)
        {
            return new TokenSelection(Shape, count, seed).Choose(source, saliency);
        }
    }
}
