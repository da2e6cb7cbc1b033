using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Made-up latent layers, and shapes of them.</summary>
internal static class Latents
{
    /// <summary>Plain heads, heads of uneven widths, wide ones, a single one of 16.</summary>
    public static IReadOnlyList<LatentShape> Shapes { get; } =
    [
        new([(64, 64), (64, 64)]),
        new([(16, 48), (80, 16), (256, 32)]),
        new([(16, 16)]),
        new([(32, 128), (112, 96)]),
    ];

    /// <summary>Channels of very different size, some constant, some zero.</summary>
    public static float[] Random(LatentShape shape, int seed, float size = 1)
    {
        var random = new Random(seed);
        float[] latent = new float[shape.Length];
        for (int head = 0; head < shape.HeadCount; head++)
        {
            for (int c = 0; c < shape.KeySize(head); c++)
            {
                Fill(random, size, t => ref latent[shape.KeyOffset(head) + (c * 64) + t]);
            }

            for (int c = 0; c < shape.ValueSize(head); c++)
            {
                Fill(random, size, t => ref latent[shape.ValueOffset(head) + (t * shape.ValueSize(head)) + c]);
            }
        }

        return latent;
    }

    public static float[] Floats(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() + random.NextSingle() - 1)];
    }

    private delegate ref float Place(int token);

    private static void Fill(Random random, float size, Place at)
    {
        int kind = random.Next(16);
        float channel = size * MathF.Pow(2, (4 * random.NextSingle()) - 2) * (kind == 0 ? 20 : 1);
        float centre = random.Next(4) == 0 ? channel : 0;
        for (int t = 0; t < 64; t++)
        {
            float value = centre + (channel * (random.NextSingle() + random.NextSingle() - 1));
            at(t) = kind switch { 1 => 0, 2 => channel, _ => value };
        }
    }
}
