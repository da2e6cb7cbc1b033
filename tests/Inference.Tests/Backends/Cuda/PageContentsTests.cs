using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Engine;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed class PageContentsTests
{
    private static readonly KvGeometry Geometry = new(2, 2, 64);
    private static readonly KvGeometry WideGeometry = new(2, 3, 128);

    public static TheoryData<string> Specs =>
        ["gear", "gear-l(bits=2)", "kivi4", "kcvt2", "int3", "zipcache(high=8)", "zipcache(keybits=mixed,mode=paper)", "zack", "zack+zipcache", "kvheads+gear(bits=2)"];

    [Theory]
    [MemberData(nameof(Specs))]
    public void Write_PayloadThatKernelsDoNotRead_IsWhatTheCodecDecodes(string spec)
    {
        foreach ((KvGeometry geometry, int layer) in (ReadOnlySpan<(KvGeometry, int)>)[(Geometry, 0), (Geometry, 1), (WideGeometry, 1)])
        {
            KvCodec codec = CodecRegistry.Create(spec, geometry, new RandomProfiles(geometry));
            PageContents contents = Decoding(codec);
            Assert.True(contents.IsDecoded);
            byte[] payload = Payload(codec, layer, scale: 1);
            float[] expected = new float[geometry.OpenLayerLength];
            codec.Decode(layer, payload, expected);
            Half[] page = new Half[contents.StrideBytes / sizeof(ushort)];
            contents.Write(layer, payload, MemoryMarshal.AsBytes(page.AsSpan()));

            // The order of a residual's sums may change the last bit of 32, and with it one of 16.
            Assert.All(expected.Zip(page), pair => Assert.InRange((float)pair.Second - pair.First, -HalfStep(pair.First), HalfStep(pair.First)));
            int equal = expected.Zip(page).Count(pair => (Half)pair.First == pair.Second);
            Assert.InRange(equal, expected.Length - 20, expected.Length);
        }

        static float HalfStep(float value) => 1e-7f + (Math.Abs(value) * 0.00051f);
    }

    [Fact]
    public void Write_ValuesThatDecodeBeyond16Bits_StayFinite()
    {
        KvCodec codec = CodecRegistry.Create("zack", Geometry, new RandomProfiles(Geometry));
        PageContents contents = Decoding(codec);
        byte[] payload = Payload(codec, layer: 0, scale: 60_000);
        float[] decoded = new float[Geometry.OpenLayerLength];
        codec.Decode(0, payload, decoded);
        Assert.Contains(decoded, value => Math.Abs(value) > 65520);
        Half[] page = new Half[contents.StrideBytes / sizeof(ushort)];
        contents.Write(0, payload, MemoryMarshal.AsBytes(page.AsSpan()));
        Assert.All(page, value => Assert.True(Half.IsFinite(value)));
        Assert.Equal(decoded.Select(value => (Half)Math.Clamp(value, -65504, 65504)), page.Take(decoded.Length));
    }

    [Fact]
    public void Write_PayloadThatKernelsRead_IsPlacedAsItIs()
    {
        KvCodec codec = CodecRegistry.Create("int4", Geometry);
        var place = PooledPayload.Of(new AttentionFormat(64, 4), Geometry.KvHeadCount);
        var contents = new PageContents(codec, place, isDecoded: false);
        byte[] payload = Payload(codec, layer: 1, scale: 1);
        byte[] expected = new byte[place.StrideBytes], page = new byte[contents.StrideBytes];
        place.Place(payload, expected);
        contents.Write(1, payload, page);
        Assert.Equal(expected, page);
    }

    [Fact]
    public void Write_PayloadOfUnevenLayers_IsWrittenAsItIs()
    {
        KvCodec codec = CodecRegistry.Create("zack+int4", Geometry, new RandomProfiles(Geometry));
        var contents = new PageContents(codec, place: null, isDecoded: false);
        Assert.True(contents.StrideOf(0) > contents.StrideOf(1));
        for (int layer = 0; layer < Geometry.LayerCount; layer++)
        {
            byte[] payload = Payload(codec, layer, scale: 1), page = new byte[contents.StrideOf(layer)];
            contents.Write(layer, payload, page);
            Assert.Equal(payload, page[..payload.Length]);
            Assert.InRange(page.Length - payload.Length, 0, 127);
            Assert.InRange(page.Length, 1, contents.StrideBytes);
        }
    }

    [Theory]
    [InlineData("gear", false)]
    [InlineData("gear", true)]
    public void BlockBytes_WhatBlocksDecodeToIsHeldToo_CountsIn16Bits(string spec, bool attendsDecoded)
    {
        KvCodec codec = CodecRegistry.Create(spec, Geometry);
        var footprint = new KvFootprint(codec, attendsDecoded);
        long slabs = Enumerable.Range(0, Geometry.LayerCount).Sum(layer => (long)Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(layer));
        Assert.Equal(attendsDecoded ? footprint.OpenBlockBytes + (Geometry.LayerCount * Slab.HeaderSizeBytes) : slabs, footprint.BlockBytes);
        Assert.True(footprint.BlockBytes >= slabs);
    }

    private static PageContents Decoding(KvCodec codec) =>
        new(codec, PooledPayload.Of(AttentionFormat.Decoded(codec.Geometry.HeadSize), codec.Geometry.KvHeadCount), isDecoded: true);

    private static byte[] Payload(KvCodec codec, int layer, float scale)
    {
        var random = new Random(7 + layer);
        Half[] open = [.. Enumerable.Range(0, codec.Geometry.OpenLayerLength).Select(_ => (Half)(scale * ((2 * random.NextSingle()) - 1)))];
        float[] saliency = [.. Enumerable.Range(0, KvGeometry.BlockTokenCount).Select(_ => random.NextSingle())];
        byte[] payload = new byte[codec.MaxPayloadSizeBytes(layer)];
        return payload[..codec.Encode(layer, open, saliency, payload)];
    }
}
