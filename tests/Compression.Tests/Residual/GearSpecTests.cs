using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Residual;

public sealed class GearSpecTests
{
    private static readonly KvGeometry Demo = new(1, 8, 64);

    [Theory]
    [InlineData("gear(sparse=1)", "below 1")]
    [InlineData("gear(sparse=1.5)", "a number from 0 to 1")]
    [InlineData("gear(sparse=-0.1)", "a number from 0 to 1")]
    [InlineData("gear(rank=65)", "a whole number from 0 to 64")]
    [InlineData("gear(keys=2)", "a number from 0 to 1")]
    [InlineData("gear(bits=3)", "one of 4, 2")]
    [InlineData("gear-l(sparse=0.1)", "no parameter 'sparse'")]
    [InlineData("int4+gear(bits=4)", "'bits' of 'gear' chooses a quantiser, and 'int4' is named already")]
    [InlineData("gear+gear-l", "'gear-l' can't stand here")]
    [InlineData("gear+int4", "'int4' can't stand here")]
    public void Create_FaultySpec_SaysWhatIsWrong(string spec, string message) =>
        Assert.Contains(message, Assert.Throws<CodecSpecException>(() => CodecRegistry.Create(spec, Demo)).Message, StringComparison.Ordinal);

    [Fact]
    public void Create_RankAboveHeadSize_IsRefusedAndTheDefaultGivesWay()
    {
        var narrow = new KvGeometry(1, 2, 16);
        CodecSpecException error = Assert.Throws<CodecSpecException>(() => CodecRegistry.Create("int4+gear(rank=17)", narrow));
        Assert.Contains("'rank' is 17, and a head of layer 0 has 16 channels only", error.Message, StringComparison.Ordinal);
        Assert.NotNull(CodecRegistry.Create("gear-l", narrow));
    }

    [Fact]
    public void Create_Alone_BringsThePapersBackbone()
    {
        Assert.Equal(Size("kcvt4+gear"), Size("gear"));
        Assert.Equal(Size("kcvt4+gear-l"), Size("gear-l(bits=4)"));
        Assert.Equal(Size("kivi2(group=64)+gear"), Size("gear(bits=2)"));
    }

    [Theory]
    [InlineData("gear(bits=4)", 2.6)]
    [InlineData("gear(bits=2)", 3.8)]
    public void Size_PromptOf4096Tokens_HoldsTheRatio(string spec, double ratio) =>
        Assert.InRange(EncodedSize.ForPrompt(CodecRegistry.Create(spec, Demo), 4096).Ratio, ratio, 16);

    [Theory]
    [InlineData("gear", 40768)]
    [InlineData("gear(bits=2)", 26176)]
    [InlineData("gear-l", 39552)]
    [InlineData("gear-l(bits=2)", 24960)]
    public void Size_DemoGeometry_IsTheDocuments(string spec, int slabSizeBytes) => Assert.Equal(slabSizeBytes - Slab.HeaderSizeBytes, Size(spec));

    [Fact]
    public void Create_DefaultsSpelledOut_AreTheSame()
    {
        Assert.Equal(Size("kivi2+gear(sparse=0.02)"), Size("kivi2+gear"));
        Assert.Equal(Size("int4+gear(sparse=0.02,rank=2,keys=0.8)"), Size("int4+gear"));
        Assert.Equal(Size("int4+gear-l(rank=4,keys=0.8)"), Size("int4+gear-l"));
    }

    private static int Size(string spec) => CodecRegistry.Create(spec, Demo).MaxPayloadSizeBytes(0);
}
