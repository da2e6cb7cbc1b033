using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;
using KvCluster.Compression.Tests.Golden;
using KvCluster.Compression.Tests.Projection;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Codecs.Tables;

public sealed class PayloadTableTests
{
    private static readonly KvGeometry Geometry = new(2, 3, 32);

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("int4(channels=plain)")]
    [InlineData("int3")]
    [InlineData("int2")]
    [InlineData("kcvt4")]
    [InlineData("kcvt2")]
    [InlineData("kivi4")]
    [InlineData("kivi2(group=64)")]
    [InlineData("zipcache")]
    [InlineData("zipcache(keybits=mixed,low=3,salient=0.5)")]
    [InlineData("zipcache(high=8,keybits=mixed,keys=channel,low=3)")]
    [InlineData("evict(keep=0.25)")]
    [InlineData("gear")]
    [InlineData("gear(bits=2)")]
    [InlineData("gear-l")]
    public void Table_OfPlainHeads_LeadsToWhatTheCodecDecodes(string spec) => AssertDecodes(CodecRegistry.Create(spec, Geometry), 1e-5);

    [Theory]
    [InlineData("zack(energy=0.98)", 1)]
    [InlineData("zack(energy=0.98)+int4", 2)]
    [InlineData("zack(energy=0.98)+kcvt4", 3)]
    [InlineData("zack(energy=0.98)+gear", 4)]
    [InlineData("zack(energy=0.98)+zipcache", 5)]
    public void Table_OfProjectedHeads_LeadsToWhatTheCodecDecodes(string spec, int seed) =>
        AssertDecodes(CodecRegistry.Create(spec, Geometry, new Source(ProjectionProfiles.Random(Geometry, seed).ToProfile())), 1e-4);

    [Fact]
    public void Table_OfSharedOutBits_LeadsToWhatTheCodecDecodes()
    {
        var geometry = new KvGeometry(2, 2, 16);
        AssertDecodes(CodecRegistry.Create("pca+waterfill", geometry, new FixedProfile(geometry)), 1e-4);
    }

    [Fact]
    public void Table_OfResidualBehindChosenTokens_IsNotThere() => Assert.Null(CodecRegistry.Create("zipcache+gear-l", Geometry).Table(0));

    private static void AssertDecodes(KvCodec codec, double tolerance)
    {
        for (int layer = 0; layer < codec.Geometry.LayerCount; layer++)
        {
            byte[] payload = new byte[codec.MaxPayloadSizeBytes(layer)];
            codec.Encode(layer, OpenLayers.Random(codec.Geometry, layer + 5), Payloads.Saliency, payload);
            float[] expected = new float[codec.Geometry.OpenLayerLength];
            codec.Decode(layer, payload, expected);

            PayloadTable table = codec.Table(layer)!;
            Assert.Equal(payload.Length, table.SizeBytes);
            double[] actual = TableOracle.Decode(codec, layer, payload);
            double largest = expected.Max(MathF.Abs);
            Assert.True(largest > 0);
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], actual[i], tolerance * largest);
            }
        }
    }

    private sealed class Source(Profile profile) : IProfileSource
    {
        public Profile? Find(string spec) => profile;
    }
}
