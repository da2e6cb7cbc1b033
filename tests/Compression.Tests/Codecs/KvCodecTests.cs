using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Codecs;

public sealed class KvCodecTests
{
    private static readonly int[] QueryCounts = [1, 2, 5];

    public static TheoryData<string, int> Cases()
    {
        var data = new TheoryData<string, int>();
        foreach (string spec in AttentionOracle.Specs)
        {
            foreach (int headSize in new[] { 16, 64, 80 })
            {
                data.Add(spec, headSize);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Scores_EveryPathAndQueryCount_EqualsOracleBitForBit(string spec, int headSize)
    {
        var geometry = new KvGeometry(1, 3, headSize);
        (byte[] payload, KvCodec[] codecs) = Encode(spec, geometry);
        foreach (int queryCount in QueryCounts)
        {
            float[] queries = OpenLayers.Floats(queryCount * headSize, queryCount);
            float[] expected = new float[queryCount * KvGeometry.BlockTokenCount];
            for (int head = 0; head < geometry.KvHeadCount; head++)
            {
                AttentionOracle.Scores(spec, geometry, payload, head, queries, queryCount, expected);
                foreach (KvCodec codec in codecs)
                {
                    float[] actual = [.. Enumerable.Repeat(float.NaN, expected.Length)];
                    codec.Scores(0, head, payload, queries, queryCount, actual);
                    Assert.Equal(expected, actual);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AddValues_EveryPathAndQueryCount_EqualsOracleBitForBit(string spec, int headSize)
    {
        var geometry = new KvGeometry(1, 3, headSize);
        (byte[] payload, KvCodec[] codecs) = Encode(spec, geometry);
        foreach (int queryCount in QueryCounts)
        {
            float[] weights = OpenLayers.Floats(queryCount * KvGeometry.BlockTokenCount, queryCount);
            float[] before = OpenLayers.Floats(queryCount * headSize, 9);
            for (int head = 0; head < geometry.KvHeadCount; head++)
            {
                float[] expected = [.. before];
                AttentionOracle.AddValues(spec, geometry, payload, head, weights, queryCount, expected);
                foreach (KvCodec codec in codecs)
                {
                    float[] actual = [.. before];
                    codec.AddValues(0, head, payload, weights, queryCount, actual);
                    Assert.Equal(expected, actual);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Scores_AgainstDecodedKeys_Agree(string spec, int headSize)
    {
        var geometry = new KvGeometry(1, 2, headSize);
        (byte[] payload, KvCodec[] codecs) = Encode(spec, geometry);
        float[] decoded = new float[geometry.OpenLayerLength];
        codecs[^1].Decode(0, payload, decoded);
        float[] query = OpenLayers.Floats(headSize, 5);
        float[] scores = new float[KvGeometry.BlockTokenCount];
        codecs[^1].Scores(0, 1, payload, query, 1, scores);
        for (int token = 0; token < scores.Length; token++)
        {
            double exact = 0;
            for (int channel = 0; channel < headSize; channel++)
            {
                exact += (double)query[channel] * decoded[(2 * headSize * 64) + (channel * 64) + token];
            }

            Assert.Equal(exact, scores[token], 1e-3);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AddValues_AgainstDecodedValues_Agree(string spec, int headSize)
    {
        var geometry = new KvGeometry(1, 2, headSize);
        (byte[] payload, KvCodec[] codecs) = Encode(spec, geometry);
        float[] decoded = new float[geometry.OpenLayerLength];
        codecs[^1].Decode(0, payload, decoded);
        float[] weights = OpenLayers.Floats(KvGeometry.BlockTokenCount, 5);
        float[] output = new float[headSize];
        codecs[^1].AddValues(0, 1, payload, weights, 1, output);
        for (int channel = 0; channel < headSize; channel++)
        {
            double exact = 0;
            for (int token = 0; token < weights.Length; token++)
            {
                exact += (double)weights[token] * decoded[(3 * headSize * 64) + (token * headSize) + channel];
            }

            Assert.Equal(exact, output[channel], 1e-3);
        }
    }

    [Fact]
    public void Scores_HeadOutOfRange_Throws()
    {
        var codec = CodecRegistry.Create("int4", new KvGeometry(1, 2, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => codec.Scores(0, 2, new byte[codec.MaxPayloadSizeBytes(0)], new float[64], 1, new float[64]));
        Assert.Throws<ArgumentException>(() => codec.Scores(0, 0, new byte[codec.MaxPayloadSizeBytes(0)], new float[63], 1, new float[64]));
        Assert.Throws<ArgumentException>(() => codec.AddValues(0, 0, new byte[codec.MaxPayloadSizeBytes(0)], new float[64], 1, new float[63]));
    }

    private static (byte[] Payload, KvCodec[] Codecs) Encode(string spec, KvGeometry geometry)
    {
        KvCodec[] codecs = [.. SimdPaths.All.Select(path => CodecRegistry.Create(spec, geometry, null, path))];
        byte[] payload = new byte[codecs[0].MaxPayloadSizeBytes(0)];
        Assert.Equal(payload.Length, codecs[0].Encode(0, OpenLayers.Random(geometry, seed: geometry.HeadSize), Payloads.Saliency, payload));
        Assert.True(codecs[0].IsWellFormed(0, payload));
        return (payload, codecs);
    }
}
