using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Residual;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Residual;

public sealed unsafe class GearResidualTests
{
    private static readonly LatentShape Plain = new([(64, 64), (64, 64)]);
    private static readonly GearOptions Gear = new(2, 0.05, 0.8);

    public static TheoryData<int, int, double, double> Cases()
    {
        var data = new TheoryData<int, int, double, double>();
        for (int shape = 0; shape < Latents.Shapes.Count; shape++)
        {
            data.Add(shape, 2, 0.05, 0.8);
            data.Add(shape, 3, 0, 0.5);
            data.Add(shape, 0, 0.11, 0.5);
            data.Add(shape, 16, 0.9, 1);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Attention_AnyCountAndShape_EqualsOracleBitForBit(int shapeIndex, int rank, double sparsity, double keyShare)
    {
        LatentShape shape = Latents.Shapes[shapeIndex];
        var options = new GearOptions(rank, sparsity, keyShare);
        var residuals = new Residuals(shape, "kcvt2", options);
        (byte[] payload, _) = residuals.Encode(Latents.Random(shape, shapeIndex));
        List<ResidualOracle> oracles = ResidualOracle.Read(shape, options, payload);
        foreach (int count in new[] { 1, 2, 3, 8, 11, 31, 32, 45, 73 })
        {
            for (int head = 0; head < shape.HeadCount; head++)
            {
                Check(oracles[2 * head], shape.KeySize(head), 64, count, isKey: true, head);
                Check(oracles[(2 * head) + 1], 64, shape.ValueSize(head), count, isKey: false, head);
            }
        }

        void Check(ResidualOracle oracle, int rows, int columns, int count, bool isKey, int head)
        {
            int stride = isKey ? rows + 16 : rows;
            int outputStride = isKey ? columns : columns + 16;
            float[] x = Latents.Floats(count * stride, count);
            float[] expected = Latents.Floats(count * outputStride, 7);
            float[] actual = [.. expected];
            for (int i = 0; i < count; i++)
            {
                oracle.Add(x.AsSpan(i * stride, rows), expected.AsSpan(i * outputStride, columns));
            }

            fixed (float* from = x, to = actual)
            fixed (byte* bytes = payload)
            {
                if (isKey)
                {
                    residuals.Stage.AddScores(head, bytes, from, stride, count, to);
                }
                else
                {
                    residuals.Stage.AddValues(head, bytes, from, count, to, outputStride);
                }
            }

            Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void AddTo_AnyShape_AgreesWithAttention(int shapeIndex, int rank, double sparsity, double keyShare)
    {
        LatentShape shape = Latents.Shapes[shapeIndex];
        var options = new GearOptions(rank, sparsity, keyShare);
        var residuals = new Residuals(shape, "kcvt2", options);
        (byte[] payload, _) = residuals.Encode(Latents.Random(shape, 3));
        float[] restored = residuals.Decode(payload);
        List<ResidualOracle> oracles = ResidualOracle.Read(shape, options, payload);
        for (int head = 0; head < shape.HeadCount; head++)
        {
            Check(oracles[2 * head], shape.KeyOffset(head), shape.KeySize(head), 64);
            Check(oracles[(2 * head) + 1], shape.ValueOffset(head), 64, shape.ValueSize(head));
        }

        void Check(ResidualOracle oracle, int offset, int rows, int columns)
        {
            foreach (int row in new[] { 0, 5, rows - 1 })
            {
                float[] unit = new float[rows];
                unit[row] = 1;
                float[] expected = new float[columns];
                oracle.Add(unit, expected);
                for (int c = 0; c < columns; c++)
                {
                    float actual = restored[offset + (row * columns) + c];
                    Assert.Equal(expected[c], actual, 1e-5 * (1 + Math.Abs(actual)));
                }
            }
        }
    }

    [Theory]
    [InlineData("kivi2(group=64)")]
    [InlineData("kcvt4")]
    public void Encode_RealisticLayer_EachPartLowersTheError(string backbone)
    {
        float[] latent = Residuals.Realistic(Plain, 5);
        double alone = Error(new GearOptions(0, 0, 0.5));
        double lowRank = Error(new GearOptions(4, 0, 0.5));
        double full = Error(new GearOptions(4, 0.02, 0.5));
        double more = Error(new GearOptions(4, 0.05, 0.5));
        Assert.True(alone > 1.05 * lowRank, $"{alone} {lowRank}");
        Assert.True(lowRank > 1.2 * full, $"{lowRank} {full}");
        Assert.True(full > 1.1 * more, $"{full} {more}");

        double Error(GearOptions options) => Residuals.Distance(new Residuals(Plain, backbone, options).Encode(latent).Decoded, latent);
    }

    [Fact]
    public void Encode_NothingAsked_IsTheBackboneBitForBit()
    {
        float[] latent = Residuals.Realistic(Plain, 5);
        var residuals = new Residuals(Plain, "kivi2(group=64)", new GearOptions(0, 0, 0.8));
        Assert.Equal(0, residuals.Stage.SizeBytes);
        Assert.Equal(Payloads.Decode(residuals.Quantiser, Payloads.Encode(residuals.Quantiser, latent)), residuals.Encode(latent).Decoded);
    }

    [Fact]
    public void SizeBytes_DemoGeometry_IsTheFormula()
    {
        var shape = new LatentShape([.. Enumerable.Repeat((64, 64), 8)]);
        var stage = new GearResidual(shape, 0, Gear);

        // Rank 3 of K and 1 of V: a 32-bit scale and 64 + 64 nibbles each. 328 and 82 outliers, 16 places for skips, up to a multiple of 8, two bytes
        // a slot and a 32-bit scale.
        Assert.Equal(8 * ((4 * (4 + 64)) + (4 + (2 * 344)) + (4 + (2 * 104))), stage.SizeBytes);
        Assert.Equal(8 * 410, stage.OutlierCount);
    }

    [Theory]
    [InlineData(0.02, 0.5)]
    [InlineData(0.05, 0.8)]
    [InlineData(0.3, 0.8)]
    public void Encode_AnySparsity_TakesThatShareOfTheElements(double sparsity, double keyShare)
    {
        var options = new GearOptions(0, sparsity, keyShare);
        (byte[] payload, _) = new Residuals(Plain, "kivi2(group=64)", options).Encode(Residuals.Realistic(Plain, 2));
        List<ResidualOracle> matrices = ResidualOracle.Read(Plain, options, payload);
        double share = matrices.Sum(matrix => matrix.OutlierCount) / (double)Plain.Length;
        Assert.InRange(share, sparsity - (0.02 * sparsity) - 1e-4, sparsity + 1e-4); // a code may round to 0
    }

    [Fact]
    public void Encode_Twice_GivesTheSameBytesOnEveryProcessor()
    {
        var random = new Random(1);
        float[] latent = [.. Enumerable.Range(0, Plain.Length).Select(i => (random.NextSingle() - 0.5f) * (1 + (i / 64 % 7)))];
        byte[] first = new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Payload;
        new Residuals(Latents.Shapes[1], "kcvt4", new GearOptions(9, 0.3, 0.5)).Encode(Latents.Random(Latents.Shapes[1], 1));
        Assert.Equal(first, new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Payload);
        Assert.Equal(3683208956u, Crc32C.Compute(first));
    }

    [Theory]
    [InlineData(0.02, 0.5, 82, 82)]
    [InlineData(0.05, 0.8, 328, 82)]
    [InlineData(0.7, 0.8, 4096, 1638)]
    [InlineData(0.999, 0, 4088, 4096)]
    public void Outliers_SharesAboveAMatrix_SpillIntoTheOther(double sparsity, double keyShare, int keys, int values) =>
        Assert.Equal((keys, values), new GearOptions(0, sparsity, keyShare).Outliers(4096, 4096));

    [Fact]
    public void Encode_OneHeadVaries_LeavesTheOthersBytes()
    {
        float[] latent = Latents.Random(Plain, 11);
        byte[] first = new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Payload;
        latent[Plain.KeyOffset(1) + 100] += 7;
        byte[] second = new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Payload;
        int half = first.Length / 2;
        Assert.Equal(first[..half], second[..half]);
        Assert.NotEqual(first[half..], second[half..]);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(65504f)]
    [InlineData(-65504f)]
    [InlineData(6e-8f)]
    public void Encode_ConstantLayer_IsKept(float value)
    {
        float[] latent = new float[Plain.Length];
        latent.AsSpan().Fill(value);
        float[] decoded = new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Decoded;
        Assert.All(decoded, actual => Assert.Equal(value, actual, 1e-3 * Math.Abs(value) + 1e-7));
    }

    [Theory]
    [InlineData(65504f)]
    [InlineData(1e-6f)]
    public void Encode_ExtremeMagnitudes_StaysFiniteAndClose(float size)
    {
        var random = new Random(3);
        float[] latent = [.. Enumerable.Range(0, Plain.Length).Select(_ => (random.NextSingle() < 0.5 ? -1 : 1) * size * random.NextSingle())];
        float[] decoded = new Residuals(Plain, "kivi2(group=64)", Gear).Encode(latent).Decoded;
        Assert.All(decoded, value => Assert.True(float.IsFinite(value)));
        Assert.InRange(Residuals.Distance(decoded, latent) / Residuals.Distance(new float[latent.Length], latent), 0, 0.35);
    }

    [Fact]
    public void Encode_OneLargeElement_IsKeptAndLeavesItsRowAlone()
    {
        float[] latent = Latents.Random(new LatentShape([(16, 16)]), 4);
        latent[(3 * 64) + 9] = 30000;
        float[] decoded = new Residuals(new LatentShape([(16, 16)]), "kivi4(group=64)", Gear).Encode(latent).Decoded;
        Assert.Equal(30000, decoded[(3 * 64) + 9], 1f);
        for (int token = 0; token < 64; token++)
        {
            Assert.True(token == 9 || Math.Abs(decoded[(3 * 64) + token] - latent[(3 * 64) + token]) < 20);
        }
    }

    [Fact]
    public void IsWellFormed_HostileBytes_RefusesOrStaysInside()
    {
        var residuals = new Residuals(Plain, "kcvt4", Gear);
        (byte[] payload, _) = residuals.Encode(Residuals.Realistic(Plain, 1));
        Assert.False(residuals.Stage.IsWellFormed(payload.AsSpan(1)));
        var random = new Random(1);
        int accepted = 0;
        for (int round = 0; round < 2000; round++)
        {
            byte[] hostile = [.. payload];
            for (int change = random.Next(4); change >= 0; change--)
            {
                hostile[random.Next(hostile.Length)] = (byte)random.Next(256);
            }

            if (residuals.Stage.IsWellFormed(hostile))
            {
                accepted++;
                List<ResidualOracle> matrices = ResidualOracle.Read(Plain, Gear, hostile); // positions beyond the matrix would throw
                matrices[random.Next(matrices.Count)].Add(new float[64], new float[64]);
            }
        }

        Assert.InRange(accepted, 100, 1999);
    }
}
