using System.Runtime.InteropServices;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Codecs;

public sealed class RawCodecTests
{
    private static readonly KvGeometry Geometry = new(1, 3, 32);

    [Fact]
    public void Encode_Layer_IsTheLayer()
    {
        Half[] layer = OpenLayers.Random(Geometry, 1);
        var codec = new RawCodec(Geometry);
        byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
        codec.Encode(0, layer, default, payload);
        Assert.True(MemoryMarshal.AsBytes<Half>(layer).SequenceEqual(payload));
        float[] decoded = new float[layer.Length];
        codec.Decode(0, payload, decoded);
        Assert.Equal(layer.Select(value => (float)value), decoded);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void OpenScoresAndValues_EveryTokenCount_AreThoseOfTheWholeBlock(int queryCount)
    {
        Half[] layer = OpenLayers.Random(Geometry, 1);
        byte[] payload = MemoryMarshal.AsBytes<Half>(layer).ToArray();
        float[] queries = OpenLayers.Floats(queryCount * Geometry.HeadSize, 2);
        foreach (SimdPath path in SimdPaths.All)
        {
            var codec = new RawCodec(Geometry, path);
            for (int tokenCount = 1; tokenCount <= KvGeometry.BlockTokenCount; tokenCount++)
            {
                var scores = new float[queryCount * KvGeometry.BlockTokenCount];
                var openScores = new float[scores.Length];
                codec.Scores(0, 1, payload, queries, queryCount, scores);
                codec.OpenScores(1, payload, tokenCount, queries, queryCount, openScores);
                for (int query = 0; query < queryCount; query++)
                {
                    var seen = new Range(query * KvGeometry.BlockTokenCount, (query * KvGeometry.BlockTokenCount) + tokenCount);
                    Assert.Equal(scores[seen], openScores[seen]);
                    scores.AsSpan((query * KvGeometry.BlockTokenCount) + tokenCount, KvGeometry.BlockTokenCount - tokenCount).Clear();
                }

                var output = OpenLayers.Floats(queryCount * Geometry.HeadSize, 3);
                var openOutput = output.ToArray();
                codec.AddValues(0, 1, payload, scores, queryCount, output);
                codec.AddOpenValues(1, payload, tokenCount, scores, queryCount, openOutput);
                Assert.Equal(output, openOutput);
            }
        }
    }

    [Fact]
    public void UnpackTail_EveryTokenCount_GivesTheTokensAndZeros()
    {
        Half[] layer = OpenLayers.Random(Geometry, 1);
        for (int tokenCount = 1; tokenCount <= 64; tokenCount++)
        {
            byte[] payload = new byte[RawCodec.TailPayloadSizeBytes(Geometry, tokenCount)];
            Assert.Equal(payload.Length, RawCodec.PackTail(Geometry, layer, tokenCount, payload));
            Half[] unpacked = [.. Enumerable.Repeat(Half.NaN, layer.Length)];
            Assert.True(RawCodec.UnpackTail(Geometry, payload, tokenCount, unpacked));
            int half = 64 * Geometry.HeadSize;
            for (int i = 0; i < layer.Length; i++)
            {
                int token = i / half % 2 == 0 ? i % 64 : i % half / Geometry.HeadSize;
                Assert.Equal(token < tokenCount ? layer[i] : Half.Zero, unpacked[i]);
            }
        }
    }

    [Fact]
    public void UnpackTail_OtherSize_FalseAndNothingWritten()
    {
        Half[] layer = OpenLayers.Random(Geometry, 1);
        byte[] payload = new byte[RawCodec.TailPayloadSizeBytes(Geometry, 5)];
        RawCodec.PackTail(Geometry, layer, 5, payload);
        Half[] untouched = [.. layer];
        Assert.False(RawCodec.UnpackTail(Geometry, payload, 6, layer));
        Assert.False(RawCodec.UnpackTail(Geometry, payload.AsSpan(1), 5, layer));
        Assert.Equal(untouched, layer);
    }

    [Fact]
    public void ForPrompt_CountsHeadersParametersAndTail()
    {
        var geometry = new KvGeometry(8, 8, 64);
        KvCodec codec = CodecRegistry.Create("int4", geometry);
        EncodedSize size = EncodedSize.ForPrompt(codec, 130);
        Assert.Equal(8 * ((2 * (128 + 33824)) + 128 + (2 * 2 * 512 * 2)), size.SizeBytes);
        Assert.Equal(130 * 16384, size.PlainSizeBytes);
        EncodedSize blocks = EncodedSize.ForPrompt(codec, 128);
        Assert.InRange(blocks.Ratio, 3.85, 3.87);
        Assert.Equal(blocks.SizeBytes / 128.0, blocks.BytesPerToken);
        Assert.Equal(new EncodedSize(258, size.SizeBytes + blocks.SizeBytes, size.PlainSizeBytes + blocks.PlainSizeBytes), size + blocks);
        Assert.Equal(default, EncodedSize.ForPrompt(codec, 0));
    }
}
