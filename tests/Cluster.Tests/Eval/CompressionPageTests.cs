using System.Text.RegularExpressions;
using KvCluster.Cluster.Tests.EndToEnd;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Cluster.Tests.Eval;

/// <summary>What docs/compression.md says of the codecs, against the codecs.</summary>
public sealed partial class CompressionPageTests
{
    private const int Heads = 8;
    private const int HeadSize = 64;
    private const int Channels = Heads * HeadSize;
    private static readonly string Page = File.ReadAllText(Path.Combine(RepositoryRoot.Path, "docs", "compression.md"));

    public static TheoryData<string, int> Sizes => new()
    {
        { "raw", 256 * Channels },
        { "int8", 2 * Padded(256 + (64 * Channels) + (Channels / 2) + Heads) },
        { "int4", 2 * Padded(256 + (32 * Channels) + (Channels / 2) + Heads) },
        { "int2", 2 * Padded(256 + (16 * Channels) + (Channels / 2) + Heads) },
        { "kivi2", (32 * Channels) + (4 * Channels * 64 / 32) + (256 * Channels / 32) },
        { "kivi4(group=64)", (64 * Channels) + (4 * Channels) + (256 * Channels / 64) },
        { "kcvt2", (32 * Channels) + (4 * Channels) + 256 },
        { "zipcache", Padded(256 + (32 * Channels) + (Channels / 2) + Heads) + Padded(256 + (((16 * 4) + (48 * 2)) * Channels / 8) + (Channels / 2) + Heads) + 8 },
        { "evict(keep=0.25)", 16 + (4 * 16 * Channels) },
        { "gear(bits=2)", (32 * Channels) + (4 * Channels) + (4 * Channels) + (Heads * (Residual(3, 131) + Residual(1, 33))) },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Codec_OnThePage_HasTheBytesOfItsFormula(string spec, int payloadSizeBytes) =>
        Assert.Equal(payloadSizeBytes, CodecRegistry.Create(spec, new KvGeometry(1, Heads, HeadSize)).MaxPayloadSizeBytes(0));

    [Fact]
    public void Page_EveryMethod_IsExplained() =>
        Assert.All(CodecRegistry.ValidSpecs, method => Assert.Contains($"`{method}`", Page, StringComparison.Ordinal));

    [Fact]
    public void Page_EveryMeasuredSpec_IsSpelledAsReportsSpellIt()
    {
        string[] specs = [.. Places().Matches(Page).SelectMany(place => place.Groups[1].Value.Split(';', StringSplitOptions.TrimEntries))];

        Assert.True(specs.Length > 20);
        Assert.All(specs.Where(spec => !spec.EndsWith('*')), spec => Assert.Equal(spec, CodecRegistry.Canonical(spec)));
    }

    private static int Padded(int size) => (size + 15) / 16 * 16;

    /// <summary>Of one K or V of a head; outliers and skips are rounded up to a multiple of 8.</summary>
    private static int Residual(int rank, int outliers) => (rank * (4 + ((64 + HeadSize) / 2))) + 4 + (2 * ((outliers + (64 * HeadSize / 255) + 7) / 8 * 8));

    [GeneratedRegex("<!-- measured(?: second)?: (.*?) -->")]
    private static partial Regex Places();
}
