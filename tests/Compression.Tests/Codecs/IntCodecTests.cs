using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Codecs;

public sealed class IntCodecTests
{
    private static readonly KvGeometry Geometry = new(1, 2, 32);

    public static TheoryData<int> BitCounts() => [8, 4, 3, 2];

    [Theory]
    [MemberData(nameof(BitCounts))]
    public void Encode_AnyBitPatterns_FollowsTheRulesAndStaysFinite(int bitCount)
    {
        var codec = CodecRegistry.Create($"int{bitCount}", Geometry);
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            int mask = random.Next(3) switch { 0 => 0xFFFF, 1 => 0x83FF, _ => 0xBFFF }; // all, subnormal, small
            Half[] layer = [.. Enumerable.Range(0, Geometry.OpenLayerLength)
                .Select(_ => BitConverter.UInt16BitsToHalf((ushort)(random.Next(65536) & mask)))];
            byte[] payload = Encode(codec, layer);
            EncodingRules.Check(QuantiserFormat.Of($"int{bitCount}"), LatentShape.Plain(Geometry), [.. layer.Select(HalfConversion.ToSingle)], payload);
            Assert.True(codec.IsWellFormed(0, payload));
            Assert.All(Decode(codec, payload), value => Assert.True(float.IsFinite(value)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(30));
    }

    [Theory]
    [MemberData(nameof(BitCounts))]
    public void Decode_ZeroLayer_IsZero(int bitCount)
    {
        var codec = CodecRegistry.Create($"int{bitCount}", Geometry);
        Assert.All(Decode(codec, Encode(codec, new Half[Geometry.OpenLayerLength])), value => Assert.Equal(0, value));
    }

    [Theory]
    [MemberData(nameof(BitCounts))]
    public void Decode_InfinityAndNaN_AreLargeAndKeepTheirSign(int bitCount)
    {
        var codec = CodecRegistry.Create($"int{bitCount}", Geometry);
        var layer = new Half[Geometry.OpenLayerLength];
        (layer[0], layer[64], layer[128]) = (Half.PositiveInfinity, Half.NegativeInfinity, Half.NaN);
        float[] decoded = Decode(codec, Encode(codec, layer));
        Assert.InRange(decoded[0], 50_000, 150_000);
        Assert.InRange(decoded[64], -150_000, -50_000);
        Assert.InRange(MathF.Abs(decoded[128]), 50_000, 150_000);
    }

    [Theory]
    [InlineData(0, 0x00, 0x00)] // scale of 0
    [InlineData(0, 0x00, 0x80)]
    [InlineData(126, 0x00, 0x7C)] // infinite scale
    [InlineData(2, 0x01, 0x7E)] // NaN
    [InlineData(2, 0x00, 0xBC)] // -1
    [InlineData(128, 0x00, 0x7C)] // infinite zero
    [InlineData(2352, 0x00, 0x00)]
    [InlineData(2606, 0x00, 0xFC)]
    [InlineData(2350, 0x01, 0x00)] // padding
    public void IsWellFormed_ParameterThatCannotBe_False(int offset, byte low, byte high)
    {
        var codec = CodecRegistry.Create("int4", Geometry);
        byte[] payload = Encode(codec, OpenLayers.Random(Geometry, 1));
        Assert.True(codec.IsWellFormed(0, payload));
        (payload[offset], payload[offset + 1]) = (low, high);
        Assert.False(codec.IsWellFormed(0, payload));
    }

    [Fact]
    public void IsWellFormed_OtherSize_False()
    {
        foreach (string spec in AttentionOracle.Specs)
        {
            KvCodec codec = CodecRegistry.Create(spec, Geometry);
            byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
            codec.Encode(0, OpenLayers.Random(Geometry, 1), Payloads.Saliency, payload);
            Assert.False(codec.IsWellFormed(0, payload.AsSpan(1)));
            Assert.False(codec.IsWellFormed(0, [.. payload, 0]));
            Assert.False(codec.IsWellFormed(0, []));
        }
    }

    [Fact]
    public void Encode_BufferTooShort_Throws()
    {
        var codec = CodecRegistry.Create("int4", Geometry);
        Assert.Throws<ArgumentOutOfRangeException>(() => codec.Encode(0, new Half[Geometry.OpenLayerLength], default, new byte[10]));
        Assert.Throws<ArgumentOutOfRangeException>(() => codec.Encode(0, new Half[10], default, new byte[codec.MaxPayloadSizeBytes(0)]));
    }

    private static byte[] Encode(KvCodec codec, Half[] layer)
    {
        byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
        payload.AsSpan().Fill(0xA5);
        Assert.Equal(payload.Length, codec.Encode(0, layer, default, payload));
        return payload;
    }

    private static float[] Decode(KvCodec codec, byte[] payload)
    {
        float[] decoded = new float[codec.Geometry.OpenLayerLength];
        codec.Decode(0, payload, decoded);
        return decoded;
    }
}
