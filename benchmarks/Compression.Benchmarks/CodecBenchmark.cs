using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Benchmarks;

/// <summary>Attention on encoded blocks a (head, Block) of 64 channels, and encoding a layer of 8 heads.</summary>
internal static class CodecBenchmark
{
    private static readonly KvGeometry Geometry = new(1, 8, 64);

    public static void Run()
    {
        foreach (string spec in CodecRegistry.ValidSpecs)
        {
            KvCodec codec = CodecRegistry.Create(spec, Geometry);
            Half[] layer = new Half[Geometry.OpenLayerLength];
            var random = new Random(1);
            for (int i = 0; i < layer.Length; i++)
            {
                layer[i] = (Half)(random.NextDouble() - 0.5);
            }

            byte[] payload = new byte[codec.MaxPayloadSizeBytes(0)];
            double encode = Stopclock.Measure(() => codec.Encode(0, layer, default, payload));
            Stopclock.Print($"{spec}: encode", encode, 2.0 * layer.Length, "GB/s of 16-bit input");
            foreach (int queryCount in new[] { 1, 2, 3, 4, 8, 64 })
            {
                RunAttention(spec, codec, payload, queryCount);
            }

            EncodedSize size = EncodedSize.ForPrompt(codec, 1034);
            Console.WriteLine($"{spec}: {size.BytesPerToken:F1} bytes a token, {size.Ratio:F3} x smaller, for 1,034 tokens, 1 layer");
        }
    }

    private static void RunAttention(string spec, KvCodec codec, byte[] payload, int queryCount)
    {
        float[] queries = new float[queryCount * Geometry.HeadSize];
        float[] scores = new float[queryCount * KvGeometry.BlockTokenCount];
        float[] output = new float[queries.Length];
        double scoresTime = Stopclock.Measure(() =>
        {
            for (int head = 0; head < Geometry.KvHeadCount; head++)
            {
                codec.Scores(0, head, payload, queries, queryCount, scores);
            }
        });
        double valuesTime = Stopclock.Measure(() =>
        {
            for (int head = 0; head < Geometry.KvHeadCount; head++)
            {
                codec.AddValues(0, head, payload, scores, queryCount, output);
            }
        });
        int heads = Geometry.KvHeadCount;
        double flops = 4.0 * queryCount * Geometry.HeadSize * KvGeometry.BlockTokenCount;
        string parts = $"scores {scoresTime / heads:F0}, values {valuesTime / heads:F0}";
        Stopclock.Print($"{spec}: {queryCount} queries ({parts})", (scoresTime + valuesTime) / heads, flops, "GFLOP/s");
    }
}
