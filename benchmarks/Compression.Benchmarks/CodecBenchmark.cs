using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Benchmarks;

/// <summary>
/// Encoding a layer of a Block, and attention of one layer to 4,096 tokens in encoded form, each against <c>raw</c> in the same run: 8 KV heads of 64
/// channels. One query a head is decoding; more are prefill, or queries that share a head.
/// </summary>
internal static class CodecBenchmark
{
    private const int BlockCount = 64;
    private static readonly int[] QueryCounts = [1, 2, 4, 64];
    private static readonly KvGeometry Geometry = new(1, 8, 64);
    private static readonly string[] Specs =
    [
        "raw", "int8", "int4", "int3", "int2", "int4(channels=plain)", "kivi4", "kivi2", "kivi2(group=64)", "kcvt4", "kcvt2",
        "zipcache", "zipcache(keys=channel)", "zipcache(high=8,low=4)", "zipcache(high=4,low=3,salient=0.25)",
        "gear", "gear(bits=2)", "gear-l", "gear-l(bits=2)",
        "pca(heads=1)+waterfill", "pca(heads=4)+waterfill", "pca(heads=8)+waterfill",
    ];

    public static void Run(string[] chosen)
    {
        Console.WriteLine($"{"spec",-38} {"bytes",7} {"ratio",6} {"encode µs",10}   attention, µs (of raw), by queries a head: {string.Join(", ", QueryCounts)}");
        double[] raw = [];
        foreach (string spec in Specs.Where(spec => spec == "raw" || chosen.Length == 0 || chosen.Contains(spec)))
        {
            KvCodec codec = CodecRegistry.Create(spec, Geometry, new StandInProfile(Geometry));
            (byte[][] payloads, double encode) = Encode(codec);
            double[] times = [.. QueryCounts.Select(queryCount => Attention(codec, payloads, queryCount))];
            raw = raw.Length == 0 ? times : raw;
            EncodedSize size = EncodedSize.ForPrompt(codec, 4096);
            string attention = string.Join("  ", times.Zip(raw, (time, of) => $"{time / 1e3,8:F0} ({time / of:F2})"));
            Console.WriteLine($"{spec,-38} {size.SizeBytes / BlockCount,7} {size.Ratio,6:F2} {encode / 1e3,10:F1}   {attention}");
        }
    }

    private static (byte[][] Payloads, double Time) Encode(KvCodec codec)
    {
        var layer = new Half[Geometry.OpenLayerLength];
        var saliency = new float[KvGeometry.BlockTokenCount];
        var random = new Random(1);
        byte[][] payloads = [.. Enumerable.Range(0, BlockCount).Select(_ => new byte[codec.MaxPayloadSizeBytes(0)])];
        foreach (byte[] payload in payloads)
        {
            for (int i = 0; i < layer.Length; i++)
            {
                layer[i] = (Half)(random.NextDouble() + random.NextDouble() - 1);
            }

            for (int i = 0; i < saliency.Length; i++)
            {
                saliency[i] = random.NextSingle();
            }

            codec.Encode(0, layer, saliency, payload);
        }

        return (payloads, Stopclock.Measure(() => codec.Encode(0, layer, saliency, payloads[0])));
    }

    private static double Attention(KvCodec codec, byte[][] payloads, int queryCount)
    {
        float[] queries = new float[queryCount * codec.QueryWidth(0, 0)];
        float[] scores = new float[queryCount * KvGeometry.BlockTokenCount];
        float[] output = new float[queryCount * codec.OutputWidth(0, 0)];
        queries.AsSpan().Fill(0.01f);

        // A head a call, in turn: short enough to finish undisturbed now and then, and all payloads pass through the caches.
        int head = 0;
        double time = Stopclock.Measure(() =>
        {
            output.AsSpan().Clear();
            head = (head + 1) % Geometry.KvHeadCount;
            foreach (byte[] payload in payloads)
            {
                codec.Scores(0, head, payload, queries, queryCount, scores);
                codec.AddValues(0, head, payload, scores, queryCount, output);
            }
        });
        return time * Geometry.KvHeadCount;
    }
}
