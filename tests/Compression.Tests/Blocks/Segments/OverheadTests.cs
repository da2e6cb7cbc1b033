using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Blocks.Segments;

/// <summary>What the pool takes beyond the bytes of the slabs in it, while blocks of several codecs come and go within a budget.</summary>
public sealed class OverheadTests(ITestOutputHelper output)
{
    private const int LayerCount = 8;
    private const long BudgetBytes = 192L << 20;
    private const double MaxOverhead = 1.10;

    /// <summary>Slab sizes of the demo model: raw, int8, int4, zipcache, int2, and one whose slabs vary.</summary>
    private static readonly (int Min, int Max)[] Codecs = [(131_200, 131_200), (67_712, 67_712), (33_984, 33_984), (27_840, 27_840), (18_624, 18_624), (14_000, 42_000)];

    [Theory]
    [InlineData("oldest first", 0)]
    [InlineData("random victims", 1)]
    [InlineData("random victims, one codec after the other", 2)]
    [InlineData("random victims, small after large", 3)]
    public void Churn_MixedCodecs_TakesAtMostATenthMore(string name, int kind)
    {
        var random = new Random(kind);
        var pool = new SlabPool(maxRetainedBytes: BudgetBytes / 16);
        var blocks = new List<SlabLease[]>();
        long slabBytes = 0;
        double worst = 0;
        double sum = 0;
        int sampleCount = 0;
        for (int step = 0; step < 30_000; step++)
        {
            (int min, int max) = Codecs[kind switch
            {
                2 => step / 3000 % Codecs.Length,
                3 => step < 5000 ? 0 : 4,
                _ => random.Next(Codecs.Length),
            }];
            while (slabBytes + (LayerCount * (long)max) > BudgetBytes)
            {
                int victim = kind == 0 ? 0 : random.Next(blocks.Count);
                slabBytes -= blocks[victim].Sum(slab => (long)slab.SizeBytes);
                Array.ForEach(blocks[victim], slab => slab.Dispose());
                blocks[victim] = blocks[kind == 0 ? victim : ^1];
                blocks.RemoveAt(kind == 0 ? victim : blocks.Count - 1);
            }

            SlabLease[] block = [.. Enumerable.Range(0, LayerCount).Select(_ => pool.Rent(random.Next(min, max + 1)))];
            blocks.Add(block);
            slabBytes += block.Sum(slab => (long)slab.SizeBytes);
            if (step > 1000)
            {
                double overhead = (double)(pool.RentedBytes + pool.RetainedBytes) / slabBytes;
                worst = Math.Max(worst, overhead);
                sum += overhead;
                sampleCount++;
            }
        }

        output.WriteLine($"{name}: {sum / sampleCount:0.000} x the slabs on average, {worst:0.000} at most");
        pool.CheckIntegrity();
        Assert.InRange(worst, 1, MaxOverhead);
        blocks.ForEach(block => Array.ForEach(block, slab => slab.Dispose()));
        pool.Trim();
        Assert.Equal((0L, 0L), (pool.RentedBytes, pool.RetainedBytes));
    }
}
