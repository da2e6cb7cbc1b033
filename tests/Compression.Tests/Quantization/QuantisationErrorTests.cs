using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>The checks of the papers: what quantisation may cost, and what it must not change.</summary>
public sealed class QuantisationErrorTests
{
    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void Decode_AnyShapeAndMagnitude_ErrorIsAtMostHalfAStep(string spec)
    {
        var cases = Gen.Choose(0, int.MaxValue).Select(seed => new Random(seed)).Select(random => (
            Shape: new LatentShape([.. Enumerable.Range(0, random.Next(1, 17)).Select(_ => (16 * random.Next(1, 5), 16 * random.Next(1, 5)))]),
            Size: MathF.Pow(10, random.Next(-4, 3)),
            Seed: random.Next()));
        Prop.ForAll(cases.ToArbitrary(), test => CheckError(spec, test.Shape, Latents.Random(test.Shape, test.Seed, test.Size)))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(8));
        foreach (int size in new[] { 32, 96, 144, 256 })
        {
            var shape = new LatentShape([(size, size)]);
            CheckError(spec, shape, Latents.Random(shape, size));
        }
    }

    [Theory]
    [MemberData(nameof(QuantiserFormat.Specs), MemberType = typeof(QuantiserFormat))]
    public void Decode_ZeroOrConstantLayer_IsExactButForRounding(string spec)
    {
        var shape = new LatentShape([(32, 48), (64, 16)]);
        Assert.All(RoundTrip(spec, shape, new float[shape.Length]), value => Assert.Equal(0, value));
        Assert.All(RoundTrip(spec, shape, [.. Enumerable.Repeat(3f, shape.Length)]), value => Assert.Equal(3, value, 0.01f));
    }

    [Fact]
    public void Decode_ChannelsOfOneMagnitude_SeparableEqualsPlain()
    {
        var shape = new LatentShape([(32, 32)]);
        float[] latent = Latents.Floats(shape.Length, 3);
        for (int i = 0; i < shape.Length; i++)
        {
            int token = i < 32 * 64 ? i % 64 : (i - (32 * 64)) / 32;
            latent[i] = token == 5 ? 1 : latent[i] * 0.99f;
        }

        Assert.Equal(RoundTrip("int4(channels=plain)", shape, latent), RoundTrip("int4", shape, latent));
    }

    [Fact]
    public void Decode_OneChannelA100TimesLarger_HarmsOthersOnlyIfChannelsAreNotSeparate()
    {
        var shape = new LatentShape([(64, 64)]);
        float[] even = Latents.Floats(shape.Length, 3);
        float[] outlier = [.. even];
        for (int token = 0; token < 64; token++)
        {
            outlier[(7 * 64) + token] *= 100;
            outlier[shape.ValueOffset(0) + (token * 64) + 7] *= 100;
        }

        double Error(string spec, float[] latent) =>
            RoundTrip(spec, shape, latent).Select((value, i) => IsSeventh(shape, i) ? 0 : Math.Abs(value - latent[i])).Average();
        Assert.InRange(Error("int4", outlier) / Error("int4", even), 0.8, 8);
        Assert.InRange(Error("int4(channels=plain)", outlier) / Error("int4(channels=plain)", even), 20, double.MaxValue);
        Assert.InRange(Error("kcvt4", outlier) / Error("kcvt4", even), 5, double.MaxValue); // its V is plain
    }

    [Fact]
    public void Decode_MoreBits_LessError()
    {
        var shape = new LatentShape([(64, 64), (64, 64)]);
        float[] latent = Latents.Random(shape, 8);
        double Error(string spec) => RoundTrip(spec, shape, latent).Select((value, i) => Math.Pow(value - latent[i], 2)).Sum();
        double[] errors = [.. new[] { "int8", "int4", "int3", "zipcache(high=3,keybits=mixed,salient=0.75)", "int2" }.Select(Error)];
        Assert.Equal(errors.Order(), errors);
        Assert.True(Error("int4") < Error("int4(channels=plain)"));
        Assert.True(Error("kivi2") < Error("kivi2(group=64)"));
    }

    [Fact]
    public void Decode_SalientTokens_AreTheMoreExactOnes()
    {
        var shape = new LatentShape([(64, 64)]);
        float[] latent = Latents.Floats(shape.Length, 2);
        float[] decoded = RoundTrip("zipcache(keybits=mixed,salient=0.5)", shape, latent);
        double[] errors = new double[64];
        for (int i = 0; i < latent.Length; i++)
        {
            errors[i < shape.ValueOffset(0) ? i % 64 : (i - shape.ValueOffset(0)) / 64] += Math.Abs(decoded[i] - latent[i]);
        }

        int[] salient = [.. Enumerable.Range(0, 64).OrderByDescending(token => Payloads.Saliency[token]).Take(32)];
        Assert.True(salient.Max(token => errors[token]) < Enumerable.Range(0, 64).Except(salient).Min(token => errors[token]) / 2);
    }

    private static bool IsSeventh(LatentShape shape, int i) =>
        i < shape.ValueOffset(0) ? i / 64 == 7 : (i - shape.ValueOffset(0)) % 64 == 7;

    private static void CheckError(string spec, LatentShape shape, float[] latent)
    {
        LayerQuantiser quantiser = QuantiserFormat.Of(spec).Create(shape, SimdPaths.Best);
        byte[] payload = Payloads.Encode(quantiser, latent);
        Assert.True(quantiser.IsWellFormed(payload));
        float[] decoded = Payloads.Decode(quantiser, payload);
        var oracle = new QuantiserOracle(QuantiserFormat.Of(spec), shape, payload);
        int[] stored = new int[64];
        for (int i = 0; i < 64; i++)
        {
            stored[oracle.Order[i]] = i;
        }

        for (int head = 0; head < shape.HeadCount; head++)
        {
            for (int i = 0; i < 64 * shape.KeySize(head); i++)
            {
                Check(oracle.Keys, head, i / 64, stored[i % 64], shape.KeyOffset(head) + i);
            }

            for (int i = 0; i < 64 * shape.ValueSize(head); i++)
            {
                Check(oracle.Values, head, i % shape.ValueSize(head), stored[i / shape.ValueSize(head)], shape.ValueOffset(head) + i);
            }
        }

        void Check(QuantisedTensor tensor, int head, int channel, int token, int index)
        {
            float step = tensor.Scale(head, channel, token) * tensor.Channel(head, channel);
            float allowed = (0.5001f * step) + (1e-5f * MathF.Abs(latent[index]));
            if (!(MathF.Abs(decoded[index] - latent[index]) <= allowed))
            {
                Assert.Fail($"head {head}, channel {channel}, token {token}: {latent[index]} became {decoded[index]} with steps of {step}");
            }
        }
    }

    private static float[] RoundTrip(string spec, LatentShape shape, float[] latent)
    {
        LayerQuantiser quantiser = QuantiserFormat.Of(spec).Create(shape, SimdPaths.Best);
        return Payloads.Decode(quantiser, Payloads.Encode(quantiser, latent));
    }
}
