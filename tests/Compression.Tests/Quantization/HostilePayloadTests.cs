using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>Bytes that nobody wrote: refused, or decoded and attended to without a read outside of them and without NaN.</summary>
public sealed unsafe class HostilePayloadTests
{
    private static readonly LatentShape Shape = new([(48, 16), (16, 80)]);

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void AnyBytes_WellFormedOrNot_StayInside(string spec)
    {
        foreach (SimdPath path in SimdPaths.All)
        {
            LayerQuantiser quantiser = QuantiserFormat.Of(spec).Create(Shape, path);
            byte[] sound = Payloads.Encode(quantiser, Latents.Random(Shape, 1));
            var random = new Random(4);
            int accepted = 0;
            for (int round = 0; round < 60; round++)
            {
                byte[] bytes = [.. sound];
                Damage(bytes, random, round);
                using var guarded = new GuardedBytes(bytes);
                bool isWellFormed = quantiser.IsWellFormed(guarded.Span);
                accepted += isWellFormed ? 1 : 0;
                Use(quantiser, guarded, mustBeFinite: isWellFormed);
            }

            Assert.NotEqual(0, accepted);
        }
    }

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void IsWellFormed_ScaleOfZeroOrNaN_False(string spec)
    {
        LayerQuantiser quantiser = QuantiserFormat.Of(spec).Create(Shape, SimdPaths.Best);
        byte[] sound = Payloads.Encode(quantiser, Latents.Random(Shape, 1));
        int values = new QuantiserOracle(QuantiserFormat.Of(spec), Shape, sound).Keys.SizeBytes;
        foreach (int offset in new[] { 0, values })
        {
            foreach (ushort bits in new ushort[] { 0, 0x8000, 0x7C00, 0x7E01, 0xBC00 })
            {
                byte[] bytes = [.. sound];
                BitConverter.TryWriteBytes(bytes.AsSpan(offset), bits);
                Assert.False(quantiser.IsWellFormed(bytes));
            }
        }
    }

    [Fact]
    public void IsWellFormed_OtherCountOfSalientTokens_False()
    {
        LayerQuantiser quantiser = QuantiserFormat.Of("zipcache").Create(Shape, SimdPaths.Best);
        byte[] payload = Payloads.Encode(quantiser, Latents.Random(Shape, 1));
        Assert.True(quantiser.IsWellFormed(payload));
        payload[^1] ^= 1;
        Assert.False(quantiser.IsWellFormed(payload));
    }

    private static void Damage(byte[] bytes, Random random, int round)
    {
        if (round % 3 == 0)
        {
            random.NextBytes(bytes);
            return;
        }

        int start = round % 3 == 1 ? bytes.Length / 4 : 0;
        for (int i = 0; i < 1 + (round * 4); i++)
        {
            bytes[random.Next(start, bytes.Length)] = (byte)random.Next(256);
        }
    }

    private static void Use(LayerQuantiser quantiser, GuardedBytes payload, bool mustBeFinite)
    {
        float[] latent = new float[Shape.Length];
        float[] queries = Latents.Floats(5 * 64, 1);
        float[] scores = new float[5 * 64];
        float[] output = new float[5 * 80];
        fixed (float* decoded = latent, x = queries, y = scores, z = output)
        {
            quantiser.Decode(payload.Start, decoded);
            for (int head = 0; head < Shape.HeadCount; head++)
            {
                foreach (int count in new[] { 1, 5 })
                {
                    quantiser.Scores(head, payload.Start, x, Shape.KeySize(head), count, y);
                    quantiser.AddValues(head, payload.Start, x, count, z, Shape.ValueSize(head));
                }
            }
        }

        if (mustBeFinite)
        {
            Assert.True(latent.Concat(scores).Concat(output).All(float.IsFinite));
        }
    }
}
