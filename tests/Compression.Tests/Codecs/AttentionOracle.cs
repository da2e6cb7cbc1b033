using System.Buffers.Binary;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>Scores and values one multiplication at a time, reading payloads from docs/slab-format.md alone.</summary>
internal static class AttentionOracle
{
    private const int Tokens = 64;

    /// <summary>What it can read: quantisers that stand alone and need no Profile.</summary>
    public static IReadOnlyList<string> Specs { get; } = ["raw", .. CodecRegistry.ValidSpecs.Where(QuantiserFormat.Specs().Select(row => row.Data).Contains)];

    public static void Scores(string spec, KvGeometry geometry, byte[] payload, int head, float[] queries, int queryCount, float[] scores)
    {
        for (int i = 0; i < queryCount; i++)
        {
            ReadOnlySpan<float> query = queries.AsSpan(i * geometry.HeadSize, geometry.HeadSize);
            Span<float> row = scores.AsSpan(i * Tokens, Tokens);
            if (spec != "raw")
            {
                new QuantiserOracle(QuantiserFormat.Of(spec), LatentShape.Plain(geometry), payload).Scores(head, query, row);
                continue;
            }

            for (int t = 0; t < Tokens; t++)
            {
                row[t] = 0;
                for (int d = 0; d < query.Length; d++)
                {
                    row[t] = MathF.FusedMultiplyAdd(query[d], Raw(payload, (((2 * head * geometry.HeadSize) + d) * Tokens) + t), row[t]);
                }
            }
        }
    }

    public static void AddValues(string spec, KvGeometry geometry, byte[] payload, int head, float[] weights, int queryCount, float[] output)
    {
        for (int i = 0; i < queryCount; i++)
        {
            ReadOnlySpan<float> row = weights.AsSpan(i * Tokens, Tokens);
            Span<float> result = output.AsSpan(i * geometry.HeadSize, geometry.HeadSize);
            if (spec != "raw")
            {
                new QuantiserOracle(QuantiserFormat.Of(spec), LatentShape.Plain(geometry), payload).AddValues(head, row, result);
                continue;
            }

            for (int d = 0; d < result.Length; d++)
            {
                for (int t = 0; t < Tokens; t++)
                {
                    result[d] = MathF.FusedMultiplyAdd(row[t], Raw(payload, (((((2 * head) + 1) * Tokens) + t) * geometry.HeadSize) + d), result[d]);
                }
            }
        }
    }

    private static float Raw(byte[] payload, int element) => (float)BinaryPrimitives.ReadHalfLittleEndian(payload.AsSpan(2 * element));
}
