using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

public sealed unsafe class EvictionQuantiserTests
{
    private const int Kept = 16;
    private static readonly LatentShape Shape = new([(48, 16), (16, 80)]);
    private static readonly float[] Saliency = [.. Enumerable.Range(0, 64).Select(token => token * 37 % 64)];

    [Fact]
    public void Decode_SalientTokensIn16Bits_OthersZero()
    {
        float[] latent = Latents.Random(Shape, 1);
        EvictionQuantiser quantiser = Create(SimdPaths.Best);
        Assert.Equal(16 + (2 * Kept * (64 + 96)), quantiser.SizeBytes);
        float[] decoded = Payloads.Decode(quantiser, Encode(quantiser, latent));
        for (int channel = 0; channel < 48; channel++)
        {
            for (int token = 0; token < 64; token++)
            {
                int i = (channel * 64) + token;
                Assert.Equal(IsKept(token) ? (float)(Half)latent[i] : 0, decoded[i]);
            }
        }
    }

    [Fact]
    public void Attention_EveryPathAndCount_IsChainsOverKeptTokens()
    {
        byte[] payload = Encode(Create(SimdPaths.Best), Latents.Random(Shape, 2));
        float[] decoded = Payloads.Decode(Create(SimdPaths.Best), payload);
        float[] x = Latents.Floats(5 * 64, 1);
        foreach ((SimdPath path, int count) in SimdPaths.All.SelectMany(_ => new[] { 1, 5 }, (path, count) => (path, count)))
        {
            Assert.Equal(payload, Encode(Create(path), Latents.Random(Shape, 2)));
            float[] scores = new float[5 * 64];
            float[] output = new float[5 * 96];
            using var guarded = new GuardedBytes(payload);
            fixed (float* a = x, y = scores, z = output)
            {
                Create(path).Scores(0, guarded.Start, a, 64, count, y);
                Create(path).AddValues(1, guarded.Start, a, count, z, 96);
            }

            for (int i = 0; i < count * 64; i++)
            {
                float chain = 0;
                for (int c = 0; c < 48; c++)
                {
                    chain = MathF.FusedMultiplyAdd(x[(i / 64 * 64) + c], decoded[(c * 64) + (i % 64)], chain);
                }

                Assert.Equal(IsKept(i % 64) ? chain : float.NegativeInfinity, scores[i]);
            }

            for (int i = 0; i < count * 80; i++)
            {
                float chain = 0;
                foreach (int token in Enumerable.Range(0, 64).Where(IsKept))
                {
                    chain = MathF.FusedMultiplyAdd(x[(i / 80 * 64) + token], decoded[Shape.ValueOffset(1) + (token * 80) + (i % 80)], chain);
                }

                Assert.Equal(chain, output[(i / 80 * 96) + (i % 80)]);
            }
        }
    }

    [Fact]
    public void IsWellFormed_OtherCountOrPadding_False()
    {
        EvictionQuantiser quantiser = Create(SimdPaths.Best);
        byte[] payload = Encode(quantiser, Latents.Random(Shape, 1));
        Assert.True(quantiser.IsWellFormed(payload));
        foreach (int index in new[] { 0, 7, 8, 15 })
        {
            byte[] bytes = [.. payload];
            bytes[index] ^= 1;
            Assert.False(quantiser.IsWellFormed(bytes));
        }
    }

    private static EvictionQuantiser Create(SimdPath path) => new(Shape, new TokenSelection(Shape, Kept, seed: null), path);

    private static bool IsKept(int token) => Saliency[token] >= 64 - Kept;

    private static byte[] Encode(LayerQuantiser quantiser, float[] latent)
    {
        byte[] payload = new byte[quantiser.SizeBytes];
        fixed (float* x = latent)
        fixed (byte* y = payload)
        {
            quantiser.Encode(x, Saliency, y);
        }

        return payload;
    }
}
