using KvCluster.Compression.Codecs;
using KvCluster.Compression.Residual;

namespace KvCluster.Compression.Tests.Residual;

/// <summary>A residual over a backbone, run as the pipeline runs it.</summary>
internal sealed unsafe class Residuals(LatentShape shape, string backbone, GearOptions options)
{
    public GearResidual Stage { get; } = new(shape, 0, options);

    public LayerQuantiser Quantiser { get; } = Backbone(shape, backbone);

    public static LayerQuantiser Backbone(LatentShape shape, string spec)
    {
        CodecPlan plan = CodecPlan.Make(CodecSpec.Parse(spec), spec);
        return plan.Quantiser.Method.Quantiser!(new StageContext(plan.Quantiser.Parameters, 0, shape, null));
    }

    /// <summary>Bytes of the residual, and the layer as it decodes.</summary>
    public (byte[] Payload, float[] Decoded) Encode(float[] latent)
    {
        float[] work = [.. latent];
        float[] decoded = new float[latent.Length];
        float[] error = new float[latent.Length];
        float[] taken = new float[Stage.OutlierCount];
        byte[] codes = new byte[Quantiser.SizeBytes];
        byte[] payload = new byte[Stage.SizeBytes];
        payload.AsSpan().Fill(0xA5);
        fixed (float* w = work, d = decoded, e = error, t = taken)
        fixed (byte* c = codes, p = payload)
        {
            Stage.TakeOutliers(w, p, t);
            Quantiser.Encode(w, default, c);
            Quantiser.Decode(c, d);
            for (int i = 0; i < work.Length; i++)
            {
                error[i] = work[i] - decoded[i];
            }

            Stage.Fit(e, p, t);
            Stage.AddTo(d, p);
        }

        Assert.True(Stage.IsWellFormed(payload));
        return (payload, decoded);
    }

    /// <summary>L + S alone.</summary>
    public float[] Decode(byte[] payload)
    {
        float[] latent = new float[shape.Length];
        fixed (float* destination = latent)
        fixed (byte* source = payload)
        {
            Stage.AddTo(destination, source);
        }

        return latent;
    }

    public static double Distance(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
    {
        double sum = 0;
        for (int i = 0; i < left.Length; i++)
        {
            sum += Math.Pow((double)left[i] - right[i], 2);
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Keys and values as models have them: a few directions in common, some large channels, some large elements.</summary>
    public static float[] Realistic(LatentShape shape, int seed)
    {
        var random = new Random(seed);
        float[] latent = new float[shape.Length];
        for (int head = 0; head < shape.HeadCount; head++)
        {
            Fill(latent.AsSpan(shape.KeyOffset(head)), shape.KeySize(head), 64, random, isKey: true);
            Fill(latent.AsSpan(shape.ValueOffset(head)), 64, shape.ValueSize(head), random, isKey: false);
        }

        return latent;
    }

    private static void Fill(Span<float> matrix, int rowCount, int columnCount, Random random, bool isKey)
    {
        const int Shared = 6;
        float[] rows = Normal(rowCount * Shared, random);
        float[] columns = Normal(columnCount * Shared, random);
        for (int i = 0; i < rowCount; i++)
        {
            for (int j = 0; j < columnCount; j++)
            {
                double value = Normal(random);
                for (int k = 0; k < Shared; k++)
                {
                    value += rows[(i * Shared) + k] * columns[(j * Shared) + k] * 2 / (1 + k);
                }

                int channel = isKey ? i : j;
                double size = channel % 13 == 5 ? 6 : 0.5 + (channel % 3);
                matrix[(i * columnCount) + j] = (float)(value * size * (random.Next(50) == 0 ? 3 : 1));
            }
        }
    }

    private static float[] Normal(int count, Random random) => [.. Enumerable.Range(0, count).Select(_ => (float)Normal(random))];

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
