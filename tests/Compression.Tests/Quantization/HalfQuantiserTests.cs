using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

public sealed unsafe class HalfQuantiserTests
{
    private static readonly LatentShape Shape = new([(48, 16), (16, 112)]);

    [Fact]
    public void Decode_AnyLatent_IsTheNearest16BitFloatOrTheGreatest()
    {
        float[] latent = [.. Latents.Random(Shape, 1, 100).Select((x, i) => i % 50 == 0 ? x * 1e6f : i % 51 == 0 ? x * 1e-9f : x)];
        var quantiser = new HalfQuantiser(Shape, SimdPaths.Best);
        Assert.Equal(2 * Shape.Length, quantiser.SizeBytes);
        float[] expected = [.. latent.Select(x => (float)(Half)Math.Clamp(x, -65504, 65504))];
        Assert.Equal(expected, Payloads.Decode(quantiser, Payloads.Encode(quantiser, latent)));
    }

    [Fact]
    public void Attention_EveryPathAndCount_IsChainsOverDecoded()
    {
        byte[] payload = Payloads.Encode(new HalfQuantiser(Shape, SimdPaths.Best), Latents.Random(Shape, 1));
        float[] decoded = Payloads.Decode(new HalfQuantiser(Shape, SimdPaths.Best), payload);
        float[] x = Latents.Floats(5 * 80, 1);
        foreach ((SimdPath path, int count) in SimdPaths.All.SelectMany(_ => new[] { 1, 5 }, (path, count) => (path, count)))
        {
            float[] scores = new float[5 * 64];
            float[] output = new float[5 * 128];
            using var guarded = new GuardedBytes(payload);
            fixed (float* a = x, y = scores, z = output)
            {
                new HalfQuantiser(Shape, path).Scores(0, guarded.Start, a, 80, count, y);
                new HalfQuantiser(Shape, path).AddValues(1, guarded.Start, a, count, z, 128);
            }

            for (int i = 0; i < count * 64; i++)
            {
                float chain = 0;
                for (int c = 0; c < 48; c++)
                {
                    chain = MathF.FusedMultiplyAdd(x[(i / 64 * 80) + c], decoded[(c * 64) + (i % 64)], chain);
                }

                Assert.Equal(chain, scores[i]);
            }

            for (int i = 0; i < count * 112; i++)
            {
                float chain = 0;
                for (int token = 0; token < 64; token++)
                {
                    chain = MathF.FusedMultiplyAdd(x[(i / 112 * 64) + token], decoded[Shape.ValueOffset(1) + (token * 112) + (i % 112)], chain);
                }

                Assert.Equal(chain, output[(i / 112 * 128) + (i % 112)]);
            }
        }
    }
}
