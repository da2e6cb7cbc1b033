using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Codecs;

public sealed class CodecSpecTests
{
    private static readonly KvGeometry Geometry = new(1, 1, 16);

    [Theory]
    [InlineData("raw", "raw")]
    [InlineData("  Int4 ", "int4")]
    [InlineData("gear( sparse=0.02, bits = 2 )", "gear(bits=2,sparse=0.02)")]
    [InlineData("zack(energy=0.98)+zipcache + gear-l", "zack(energy=0.98)+zipcache+gear-l")]
    public void Parse_WithinGrammar_HasCanonicalSpelling(string spec, string canonical)
    {
        CodecSpec parsed = CodecSpec.Parse(spec);
        Assert.Equal(canonical, parsed.ToString());
        Assert.Equal(CodecSpec.Parse(canonical), parsed);
        Assert.Equal(CodecSpec.Parse(canonical).GetHashCode(), parsed.GetHashCode());
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("  ", 2)]
    [InlineData("4int", 0)]
    [InlineData("int4+", 5)]
    [InlineData("int4 int8", 5)]
    [InlineData("int4()", 5)]
    [InlineData("gear(bits)", 9)]
    [InlineData("gear(bits=)", 10)]
    [InlineData("gear(bits=2", 11)]
    [InlineData("gear(bits=2,)", 12)]
    [InlineData("gear(bits=2,bits=3)", 12)]
    [InlineData("gear)", 4)]
    public void Parse_OutsideGrammar_SaysWhere(string spec, int position)
    {
        CodecSpecException error = Assert.Throws<CodecSpecException>(() => CodecSpec.Parse(spec));
        Assert.Equal(position, error.Position);
        Assert.Contains($"position {position + 1}:", error.Message, StringComparison.Ordinal);
        Assert.Contains("raw, int8, int4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnyString_ParsesOrExplains()
    {
        var texts = Gen.ArrayOf(Gen.Elements('a', 'Z', '4', '(', ')', ',', '=', '+', ' ', '-', '.', 'é'))
            .Select(characters => new string(characters));
        Prop.ForAll(texts.ToArbitrary(), text =>
        {
            try
            {
                string canonical = CodecSpec.Parse(text).ToString();
                return CodecSpec.Parse(canonical).ToString() == canonical;
            }
            catch (CodecSpecException error)
            {
                return error.Position <= text.Length;
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Theory]
    [InlineData("int5", 0, "no codec 'int5'")]
    [InlineData("int4+int8", 5, "'int8' can't stand here")]
    [InlineData("raw(bits=4)", 0, "no parameter 'bits'")]
    [InlineData("kivi2(group=48)", 0, "'group' of 'kivi2' must be one of 32, 64")]
    [InlineData("zipcache(high=2,low=4)", 0, "'high' of 'zipcache' must be one of 8, 4, 3")]
    [InlineData("zipcache(high=4,low=4)", 0, "salient tokens need more bits than the others")]
    [InlineData("zipcache(salient=1.5)", 0, "a number from 0 to 1")]
    [InlineData("zipcache(keys=row)", 0, "must be one of token, channel")]
    [InlineData("waterfill(keys=2)", 0, "needs a Profile of this model")]
    public void Create_NotInRegistry_SaysWhatAndListsValid(string spec, int position, string message)
    {
        CodecSpecException error = Assert.Throws<CodecSpecException>(() => CodecRegistry.Create(spec, Geometry));
        Assert.Equal(position, error.Position);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("raw, int8, int4", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_EveryValidSpec_HasItsOwnFingerprint()
    {
        KvGeometry[] geometries = [Geometry, Geometry with { LayerCount = 2 }, Geometry with { KvHeadCount = 2 }, Geometry with { HeadSize = 32 }];
        ulong[] fingerprints = [.. geometries.SelectMany(geometry =>
            AttentionOracle.Specs.Select(spec => CodecRegistry.Create(spec, geometry).Fingerprint).Append(RawCodec.TailFingerprint(geometry)))];
        Assert.Equal(fingerprints.Length, fingerprints.Distinct().Count());
        Assert.All(AttentionOracle.Specs, spec => Assert.Equal(spec, CodecRegistry.Create($" {spec.ToUpperInvariant()}", Geometry).Spec));
    }

    [Theory]
    [InlineData(1, 1, 20)]
    [InlineData(1, 1, 0)]
    [InlineData(0, 1, 16)]
    [InlineData(1, 0, 16)]
    public void Create_GeometryThatCannotBe_Throws(int layers, int heads, int headSize) =>
        Assert.All(AttentionOracle.Specs, spec =>
            Assert.Throws<ArgumentException>("geometry", () => CodecRegistry.Create(spec, new KvGeometry(layers, heads, headSize))));
}
