using KvCluster.Compression.Codecs;
using KvCluster.Compression.Residual;
using KvCluster.Compression.Tests.Quantization;

namespace KvCluster.Compression.Tests.Residual;

public sealed unsafe class ResidualAttentionTests
{
    private static readonly LatentShape Plain = new([(64, 64), (64, 64)]);
    private static readonly GearOptions Gear = new(2, 0.05, 0.8);

    [Theory]
    [InlineData(64, 64)]
    [InlineData(80, 48)]
    [InlineData(1040, 1040)] // positions of more than 16 bits
    public void Attention_ManyQueries_EqualsOneByOneAndStaysInItsRows(int keySize, int valueSize)
    {
        var shape = new LatentShape([(keySize, valueSize)]);
        var residuals = new Residuals(shape, "kcvt2", Gear);
        (byte[] payload, _) = residuals.Encode(Latents.Random(shape, 8));
        foreach (int count in new[] { 2, 3, 7, 8, 9, 33, 47, 64, 67 })
        {
            float[] queries = Latents.Floats(count * keySize, count);
            float[] weights = Latents.Floats(count * 64, count);
            (float[] scores, float[] output) = (Latents.Floats((count + 1) * 64, 1), Latents.Floats((count + 1) * valueSize, 2));
            (float[] scoresOfOne, float[] outputOfOne) = ([.. scores], [.. output]);
            fixed (byte* bytes = payload)
            fixed (float* q = queries, w = weights, s = scores, o = output, s1 = scoresOfOne, o1 = outputOfOne)
            {
                residuals.Stage.AddScores(0, bytes, q, keySize, count, s);
                residuals.Stage.AddValues(0, bytes, w, count, o, valueSize);
                for (int i = 0; i < count; i++)
                {
                    residuals.Stage.AddScores(0, bytes, q + (i * keySize), keySize, 1, s1 + (i * 64));
                    residuals.Stage.AddValues(0, bytes, w + (i * 64), 1, o1 + (i * valueSize), valueSize);
                }
            }

            Assert.Equal(scoresOfOne, scores);
            Assert.Equal(outputOfOne, output);
        }
    }

    [Fact]
    public void AddScores_PositionsAbove16Bits_EqualsOracleBitForBit()
    {
        var shape = new LatentShape([(1040, 1040)]);
        var residuals = new Residuals(shape, "kcvt2", Gear);
        (byte[] payload, _) = residuals.Encode(Latents.Random(shape, 8));
        float[] x = Latents.Floats(1040, 3);
        float[] expected = new float[64];
        float[] actual = new float[64];
        ResidualOracle.Read(shape, Gear, payload)[0].Add(x, expected);
        fixed (byte* bytes = payload)
        fixed (float* from = x, to = actual)
        {
            residuals.Stage.AddScores(0, bytes, from, 1040, 1, to);
        }

        Assert.Equal(expected, actual);
    }

    [Fact]
    public void Attention_AfterTheFirstCall_AllocatesNothing()
    {
        var residuals = new Residuals(Plain, "kivi2(group=64)", Gear);
        (byte[] payload, _) = residuals.Encode(Residuals.Realistic(Plain, 1));
        float[] x = Latents.Floats(20 * 64, 1);
        float[] y = new float[20 * 64];
        Run();
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        void Run()
        {
            fixed (float* from = x, to = y)
            fixed (byte* bytes = payload)
            {
                residuals.Stage.AddScores(0, bytes, from, 64, 20, to);
                residuals.Stage.AddValues(0, bytes, from, 1, to, 64);
            }
        }
    }
}
