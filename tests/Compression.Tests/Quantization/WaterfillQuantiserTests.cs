using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Quantization;

namespace KvCluster.Compression.Tests.Quantization;

public sealed unsafe class WaterfillQuantiserTests
{
    private static readonly LatentShape Shape = new([(112, 64), (16, 32)]);
    private static readonly (byte[] Keys, byte[] Values)[] Bits = [([8, 5, 5, 3, 2, 1, 1], [6, 4, 4, 1]), ([7], [2, 3])];

    [Fact]
    public void SizeBytes_IsTheCodesAlone() =>
        Assert.Equal(64 * 16 / 8 * (8 + 5 + 5 + 3 + 2 + 1 + 1 + 6 + 4 + 4 + 1 + 7 + 2 + 3), Create(SimdPaths.Best).SizeBytes);

    [Fact]
    public void Decode_AnyLatent_IsTheMiddleOfItsStep()
    {
        float[] latent = [.. Latents.Random(Shape, 1, 6).Select((x, i) => i % 97 == 0 ? x * 1e9f : x)];
        float[] decoded = Payloads.Decode(Create(SimdPaths.Best), Payloads.Encode(Create(SimdPaths.Best), latent));
        for (int i = 0; i < latent.Length; i++)
        {
            int half = 1 << (BitsAt(i) - 1);
            Assert.Equal(Math.Clamp(Math.Floor((double)latent[i]), -half, half - 1) + 0.5, decoded[i]);
        }
    }

    [Fact]
    public void Scores_EveryPathAndCount_AreChainsOverCodes()
    {
        byte[] payload = Payloads.Encode(Create(SimdPaths.Best), Latents.Random(Shape, 1, 3));
        float[] decoded = Payloads.Decode(Create(SimdPaths.Best), payload);
        for (int head = 0; head < 2; head++)
        {
            int size = Shape.KeySize(head);
            int stride = size + 16;
            float[] queries = Latents.Floats(9 * stride, head);
            foreach ((SimdPath path, int count) in SimdPaths.All.SelectMany(_ => new[] { 1, 9 }, (path, count) => (path, count)))
            {
                float[] scores = new float[count * 64];
                using var guarded = new GuardedBytes(payload);
                fixed (float* x = queries, y = scores)
                {
                    Create(path).Scores(head, guarded.Start, x, stride, count, y);
                }

                for (int i = 0; i < scores.Length; i++)
                {
                    float[] query = queries.AsSpan(i / 64 * stride, size).ToArray();
                    float chain = Sums.OfProducts(query, [.. query.Select((_, c) => ZeroAt(Shape.KeyOffset(head) + (c * 64)))]);
                    for (int c = 0; c < size; c++)
                    {
                        int index = Shape.KeyOffset(head) + (c * 64) + (i % 64);
                        chain = MathF.FusedMultiplyAdd(query[c], decoded[index] - ZeroAt(index), chain);
                    }

                    Assert.Equal(chain, scores[i]);
                }
            }
        }
    }

    [Fact]
    public void AddValues_EveryPathAndCount_AreChainsOverCodes()
    {
        byte[] payload = Payloads.Encode(Create(SimdPaths.Best), Latents.Random(Shape, 1, 3));
        float[] decoded = Payloads.Decode(Create(SimdPaths.Best), payload);
        for (int head = 0; head < 2; head++)
        {
            int size = Shape.ValueSize(head);
            int stride = size + 16;
            float[] weights = Latents.Floats(9 * 64, head);
            float[] before = Latents.Floats(9 * stride, 5);
            foreach ((SimdPath path, int count) in SimdPaths.All.SelectMany(_ => new[] { 1, 9 }, (path, count) => (path, count)))
            {
                float[] output = [.. before];
                using var guarded = new GuardedBytes(payload);
                fixed (float* x = weights, y = output)
                {
                    Create(path).AddValues(head, guarded.Start, x, count, y, stride);
                }

                for (int i = 0; i < count * size; i++)
                {
                    (int row, int channel) = Math.DivRem(i, size);
                    float[] w = weights.AsSpan(row * 64, 64).ToArray();
                    float zero = ZeroAt(Shape.ValueOffset(head) + channel);
                    float chain = before[(row * stride) + channel] + (zero * Sums.Of(w));
                    for (int token = 0; token < 64; token++)
                    {
                        chain = MathF.FusedMultiplyAdd(w[token], decoded[Shape.ValueOffset(head) + (token * size) + channel] - zero, chain);
                    }

                    Assert.Equal(chain, output[(row * stride) + channel]);
                }
            }
        }
    }

    [Fact]
    public void Create_BitsOfOtherChannels_Throws()
    {
        Assert.Throws<ArgumentException>(() => new WaterfillQuantiser(Shape, [([8], [6, 4, 4, 1]), ([7], [2, 3])], SimdPaths.Best));
        Assert.Throws<ArgumentException>(() => new WaterfillQuantiser(new LatentShape([(16, 16)]), [([9], [1])], SimdPaths.Best));
        Assert.Throws<ArgumentException>(() => new WaterfillQuantiser(new LatentShape([(16, 16)]), [([0], [1])], SimdPaths.Best));
    }

    private static WaterfillQuantiser Create(SimdPath path) => new(Shape, Bits, path);

    /// <summary>Bits at an index of the layer.</summary>
    private static int BitsAt(int index)
    {
        int head = index < Shape.KeyOffset(1) ? 0 : 1;
        return index < Shape.ValueOffset(head)
            ? Bits[head].Keys[(index - Shape.KeyOffset(head)) / 64 / 16]
            : Bits[head].Values[(index - Shape.ValueOffset(head)) % Shape.ValueSize(head) / 16];
    }

    private static float ZeroAt(int index) => 0.5f - (1 << (BitsAt(index) - 1));
}
