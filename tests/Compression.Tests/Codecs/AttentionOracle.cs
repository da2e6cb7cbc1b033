using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Codecs;

/// <summary>Scores and values one multiplication at a time, reading payloads from docs/slab-format.md alone.</summary>
internal static class AttentionOracle
{
    private const int Tokens = 64;

    /// <summary>What it can read.</summary>
    public static IReadOnlyList<string> Specs { get; } = ["raw", "int8", "int4"];

    public static void Scores(string spec, KvGeometry geometry, byte[] payload, int head, float[] queries, int queryCount, float[] scores)
    {
        var reader = new PayloadReader(spec, geometry, payload);
        for (int i = 0; i < queryCount; i++)
        {
            float[] scaled = new float[geometry.HeadSize];
            for (int d = 0; d < scaled.Length; d++)
            {
                scaled[d] = queries[(i * scaled.Length) + d] * reader.ChannelScale(head, isKey: true, d);
            }

            float sum = SumIn16Lanes(d => scaled[d], scaled.Length);
            for (int t = 0; t < Tokens; t++)
            {
                float chain = 0;
                for (int d = 0; d < scaled.Length; d++)
                {
                    chain = MathF.FusedMultiplyAdd(scaled[d], reader.Code(head, isKey: true, d, t), chain);
                }

                scores[(i * Tokens) + t] = spec == "raw"
                    ? chain
                    : MathF.FusedMultiplyAdd(chain, reader.TokenScale(isKey: true, t), reader.TokenZero(isKey: true, t) * sum);
            }
        }
    }

    public static void AddValues(string spec, KvGeometry geometry, byte[] payload, int head, float[] weights, int queryCount, float[] output)
    {
        var reader = new PayloadReader(spec, geometry, payload);
        for (int i = 0; i < queryCount; i++)
        {
            ReadOnlySpan<float> row = weights.AsSpan(i * Tokens, Tokens);
            float[] lanes = new float[16];
            for (int t = 0; t < Tokens; t++)
            {
                lanes[t % 16] = MathF.FusedMultiplyAdd(row[t], reader.TokenZero(isKey: false, t), lanes[t % 16]);
            }

            float sum = Fold(lanes);
            for (int d = 0; d < geometry.HeadSize; d++)
            {
                ref float result = ref output[(i * geometry.HeadSize) + d];
                float chain = spec == "raw" ? result : 0;
                for (int t = 0; t < Tokens; t++)
                {
                    float weight = row[t] * reader.TokenScale(isKey: false, t);
                    chain = MathF.FusedMultiplyAdd(weight, reader.Code(head, isKey: false, d, t), chain);
                }

                result = spec == "raw" ? chain : MathF.FusedMultiplyAdd(chain + sum, reader.ChannelScale(head, isKey: false, d), result);
            }
        }
    }

    private static float SumIn16Lanes(Func<int, float> value, int count)
    {
        float[] lanes = new float[16];
        for (int i = 0; i < count; i++)
        {
            lanes[i % 16] += value(i);
        }

        return Fold(lanes);
    }

    private static float Fold(float[] lanes)
    {
        for (int half = lanes.Length / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half; i++)
            {
                lanes[i] += lanes[i + half];
            }
        }

        return lanes[0];
    }
}
