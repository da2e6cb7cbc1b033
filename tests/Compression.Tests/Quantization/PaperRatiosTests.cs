using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>The papers' own ratios, under the assumptions with which they come out: batch 8, 4,096 channels.</summary>
public sealed class PaperRatiosTests
{
    private const int Channels = 4096;
    private const int Batch = 8;

    [Fact]
    public void Granularities_ZipCacheTable1_AreItsRatios()
    {
        Assert.Equal(3.20, PaperRatios.Groupwise(4, 32), 2);
        Assert.Equal(3.99, PaperRatios.Tokenwise(4, Channels), 2);
        Assert.Equal(4.00, PaperRatios.ChannelSeparable(4, Channels, Batch * 4096), 2);
    }

    [Fact]
    public void ZipCache_Gsm8kOf840Tokens_IsThePublishedRatio()
    {
        Assert.InRange(PaperRatios.ZipCache(0.6, Channels, Batch * 840), 4.98, 4.99);
        Assert.InRange(PaperRatios.ZipCache(0.7, Channels, Batch * 840), 4.69, 4.70);
    }

    [Fact]
    public void ZipCache_OneSequenceOfAGqaModel_IsLess()
    {
        Assert.Equal(4.62, PaperRatios.ZipCache(0.7, 1024, 840), 2);
        Assert.Equal(4.90, PaperRatios.ZipCache(0.6, 1024, 840), 2);
    }

    [Fact]
    public void Gear_TwoBitsOverAPromptOf1000_IsTheSumOfItsParts()
    {
        // Of 512 bytes a token and head: backbone 80, factors of rank 4 18.0, outliers 20.5.
        Assert.Equal(512 / 80.0, PaperRatios.Gear(2, 64, 128, 1000, 0, 0), 6);
        Assert.Equal(512 / 98.048, PaperRatios.Gear(2, 64, 128, 1000, 4, 0), 6);
        Assert.Equal(512 / 118.528, PaperRatios.Gear(2, 64, 128, 1000, 4, 0.02), 6);

        // A block of 64 tokens with rank 2 pays 24 bytes for its factors: more than a prompt with rank 4.
        Assert.Equal(512 / 104.0, PaperRatios.Gear(2, 64, 128, 64, 2, 0), 6);
    }
}
