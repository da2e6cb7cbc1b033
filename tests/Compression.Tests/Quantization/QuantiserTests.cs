using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Every quantiser against the oracle, on every instruction path.</summary>
public sealed unsafe class QuantiserTests
{
    private static readonly int[] QueryCounts = [1, 3, 4, 9];

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void Scores_EveryShapePathAndCount_EqualOracleBitForBit(string spec)
    {
        foreach (LatentShape shape in Latents.Shapes)
        {
            (byte[] payload, LayerQuantiser[] quantisers) = Encode(spec, shape);
            var oracle = new QuantiserOracle(QuantiserFormat.Of(spec), shape, payload);
            for (int head = 0; head < shape.HeadCount; head++)
            {
                int stride = shape.KeySize(head) + 16;
                float[] queries = Latents.Floats(QueryCounts[^1] * stride, head);
                float[] expected = new float[QueryCounts[^1] * 64];
                for (int i = 0; i < QueryCounts[^1]; i++)
                {
                    oracle.Scores(head, queries.AsSpan(i * stride), expected.AsSpan(i * 64, 64));
                }

                foreach ((LayerQuantiser quantiser, int count) in quantisers.SelectMany(_ => QueryCounts, (quantiser, count) => (quantiser, count)))
                {
                    float[] actual = [.. Enumerable.Repeat(float.NaN, count * 64)];
                    fixed (byte* source = payload)
                    fixed (float* x = queries, y = actual)
                    {
                        quantiser.Scores(head, source, x, stride, count, y);
                    }

                    Assert.Equal(expected[..(count * 64)], actual);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void AddValues_EveryShapePathAndCount_EqualOracleBitForBit(string spec)
    {
        foreach (LatentShape shape in Latents.Shapes)
        {
            (byte[] payload, LayerQuantiser[] quantisers) = Encode(spec, shape);
            var oracle = new QuantiserOracle(QuantiserFormat.Of(spec), shape, payload);
            for (int head = 0; head < shape.HeadCount; head++)
            {
                int stride = shape.ValueSize(head) + 16;
                float[] weights = Latents.Floats(QueryCounts[^1] * 64, head);
                float[] before = Latents.Floats(QueryCounts[^1] * stride, 9);
                float[] expected = [.. before];
                for (int i = 0; i < QueryCounts[^1]; i++)
                {
                    oracle.AddValues(head, weights.AsSpan(i * 64, 64), expected.AsSpan(i * stride));
                }

                foreach ((LayerQuantiser quantiser, int count) in quantisers.SelectMany(_ => QueryCounts, (quantiser, count) => (quantiser, count)))
                {
                    float[] actual = [.. before];
                    fixed (byte* source = payload)
                    fixed (float* x = weights, y = actual)
                    {
                        quantiser.AddValues(head, source, x, count, y, stride);
                    }

                    Assert.Equal(expected[..(count * stride)], actual[..(count * stride)]);
                    Assert.Equal(before[(count * stride)..], actual[(count * stride)..]);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void Decode_EveryShape_EqualsOracleBitForBit(string spec)
    {
        foreach (LatentShape shape in Latents.Shapes)
        {
            (byte[] payload, LayerQuantiser[] quantisers) = Encode(spec, shape);
            float[] decoded = new float[shape.Length];
            fixed (byte* source = payload)
            fixed (float* y = decoded)
            {
                quantisers[0].Decode(source, y);
            }

            Assert.Equal(new QuantiserOracle(QuantiserFormat.Of(spec), shape, payload).Decode(), decoded);
        }
    }

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void Encode_EveryShape_WritesWhatTheRulesSay(string spec)
    {
        foreach (LatentShape shape in Latents.Shapes)
        {
            foreach (float size in shape.HeadCount == 3 ? new float[] { 1 } : [1e-6f, 1e9f])
            {
                float[] latent = Latents.Random(shape, 7, size);
                byte[] payload = Payloads.Encode(QuantiserFormat.Of(spec).Create(shape, SimdPaths.Best), latent);
                EncodingRules.Check(QuantiserFormat.Of(spec), shape, latent, payload);
            }
        }
    }

    private static (byte[] Payload, LayerQuantiser[] Quantisers) Encode(string spec, LatentShape shape)
    {
        LayerQuantiser[] quantisers = [.. SimdPaths.All.Select(path => QuantiserFormat.Of(spec).Create(shape, path))];
        byte[] payload = Payloads.Encode(quantisers[0], Latents.Random(shape, 5));
        Assert.Equal(payload.Length, new QuantiserOracle(QuantiserFormat.Of(spec), shape, payload).SizeBytes);
        Assert.True(quantisers[0].IsWellFormed(payload));
        return (payload, quantisers);
    }
}
