using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Golden;

/// <summary>
/// Slabs of format version 1, byte for byte. A change here is a new format: raise <see cref="Slab.Version"/> or a codec's
/// payload format, and keep these readable or refused. What the code writes now is left beside the test in <c>golden-actual</c>.
/// </summary>
public sealed class GoldenSlabTests
{
    private const int TailTokenCount = 3;
    private static readonly KvGeometry Geometry = new(2, 2, 16);

    /// <summary>Files and the codecs that wrote them.</summary>
    private static readonly Dictionary<string, string> Specs = new()
    {
        ["raw"] = "raw",
        ["int8"] = "int8",
        ["int4"] = "int4",
        ["int3"] = "int3",
        ["int2-plain"] = "int2(channels=plain)",
        ["kivi4"] = "kivi4",
        ["kivi2"] = "kivi2",
        ["kcvt2"] = "kcvt2",
        ["zipcache"] = "zipcache(keybits=mixed,salient=0.5)",
        ["zipcache-channel"] = "zipcache(high=8,keybits=mixed,keys=channel,low=3)",
        ["waterfill"] = "pca+waterfill",
    };

    public static TheoryData<string> Names() => [.. Specs.Keys, "tail"];

    [Theory]
    [MemberData(nameof(Names))]
    public void Write_FixedInput_EqualsGoldenFile(string name)
    {
        byte[] actual = Build(name);
        if (!File.Exists(Golden(name)) || !File.ReadAllBytes(Golden(name)).SequenceEqual(actual))
        {
            string folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "golden-actual")).FullName;
            File.WriteAllBytes(Path.Combine(folder, $"{name}.kvb"), actual);
        }

        Assert.Equal(File.ReadAllBytes(Golden(name)), actual);
    }

    [Theory]
    [InlineData("raw", 0x30E3E76DDC8566D7UL)]
    [InlineData("int8", 0xF607584FB0D0AB9EUL)]
    [InlineData("int4", 0x5EE9B48BCD2E9EA4UL)]
    [InlineData("tail", 0x8FC527C4C68EFB35UL)]
    public void TryRead_GoldenFile_IsSound(string name, ulong codecFingerprint)
    {
        byte[] slab = File.ReadAllBytes(Golden(name));
        Assert.Equal(SlabError.None, Slab.TryRead(slab, out SlabHeader header));
        Assert.Equal(codecFingerprint, header.CodecFingerprint);
        Assert.Equal("0123456789abcdeffedcba9876543210", header.BlockId.ToString());
        Assert.Equal((1, 128, 7UL), (header.Layer, header.FirstPosition, header.WriterEpoch));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void IsWellFormed_GoldenFile_True(string name)
    {
        byte[] slab = File.ReadAllBytes(Golden(name));
        Assert.Equal(SlabError.None, Slab.TryRead(slab, out SlabHeader header));
        Assert.True(Codec(name)?.IsWellFormed(1, slab.AsSpan(Slab.HeaderSizeBytes)) ?? header.TokenCount == TailTokenCount);
    }

    private static string Golden(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", $"{name}.kvb");

    private static byte[] Build(string name)
    {
        Half[] layer = [.. Enumerable.Range(0, Geometry.OpenLayerLength).Select(Value)];
        KvCodec? codec = Codec(name);
        int size = codec?.MaxPayloadSizeBytes(1) ?? RawCodec.TailPayloadSizeBytes(Geometry, TailTokenCount);
        byte[] slab = new byte[Slab.HeaderSizeBytes + size];
        Span<byte> payload = slab.AsSpan(Slab.HeaderSizeBytes);
        _ = codec?.Encode(1, layer, Payloads.Saliency, payload) ?? RawCodec.PackTail(Geometry, layer, TailTokenCount, payload);
        Assert.True(BlockId.TryParse("0123456789abcdeffedcba9876543210", out BlockId id));
        Slab.Write(slab, new SlabHeader
        {
            Layout = SlabLayout.Rows,
            ModelFingerprint = 0x1122334455667788,
            CodecFingerprint = codec?.Fingerprint ?? RawCodec.TailFingerprint(Geometry),
            BlockId = id,
            Layer = 1,
            FirstPosition = 128,
            TokenCount = codec is null ? TailTokenCount : KvGeometry.BlockTokenCount,
            KvHeadCount = Geometry.KvHeadCount,
            HeadSize = Geometry.HeadSize,
            WriterEpoch = 7,
            PayloadSizeBytes = size,
        });
        return slab;
    }

    private static KvCodec? Codec(string name) => name == "tail" ? null : CodecRegistry.Create(Specs[name], Geometry, new FixedProfile(Geometry));

    /// <summary>-4 up to 4 in steps of 1/128, by the top bits of a multiplicative hash.</summary>
    private static Half Value(int index) => (Half)((((uint)index * 2654435761u >> 22) - 512f) / 128f);
}
