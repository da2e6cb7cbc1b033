using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Model;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Kernels/model.cu and cuBLASLt against plain loops; skipped without a GPU.</summary>
public sealed partial class ModelKernelsTests
{
    /// <summary>bf16 results round to 2^-9.</summary>
    private const double BrainTolerance = 3e-3;

    private const double SingleTolerance = 1e-5;

    private readonly Random _random = new(31);

    [Theory]
    [InlineData(1, 8, 8)]
    [InlineData(3, 256, 64)]
    [InlineData(8, 6144, 4096)]
    [InlineData(130, 704, 264)]
    public void Multiply_RandomMatrices_AgreesWithLoops(int rows, int columns, int depth)
    {
        Gpu.Required();
        using var scratch = new DeviceScratch();
        using var gemm = new CudaGemm();
        float[] input = DeviceScratch.Random(_random, rows * depth);
        float[] weights = DeviceScratch.Random(_random, columns * depth);
        float[] before = DeviceScratch.Random(_random, rows * columns);
        ulong a = scratch.Upload(Array.ConvertAll(weights, DeviceScratch.Brain)), b = scratch.Upload(Array.ConvertAll(input, DeviceScratch.Brain));
        float[] expected = new float[rows * columns];
        Parallel.For(0, expected.Length, i =>
        {
            double sum = 0;
            for (int k = 0; k < depth; k++)
            {
                sum += (double)input[(i / columns * depth) + k] * weights[(i % columns * depth) + k];
            }

            expected[i] = (float)sum;
        });
        ulong brain = scratch.Poisoned<ushort>(expected.Length), single = scratch.Poisoned<float>(expected.Length), added = scratch.Upload(before);
        gemm.Multiply(scratch.Stream, a, b, brain, rows, columns, depth, GemmOutput.BrainFloat);
        gemm.Multiply(scratch.Stream, a, b, single, rows, columns, depth, GemmOutput.Single);
        gemm.Multiply(scratch.Stream, a, b, added, rows, columns, depth, GemmOutput.AddToSingle);
        Near(DeviceScratch.FromBrain(scratch.Download<ushort>(brain, expected.Length)), expected, BrainTolerance);
        Near(scratch.Download<float>(single, expected.Length), expected, SingleTolerance);
        Near(scratch.Download<float>(added, expected.Length), [.. expected.Zip(before, (x, y) => x + y)], SingleTolerance);
    }

    [Fact]
    public void Embed_Tokens_GivesTheirRows()
    {
        using var scratch = Start(64, out ModelKernels kernels);
        const int Width = 200;
        float[] table = DeviceScratch.Random(_random, 50 * Width);
        int[] tokens = [0, 49, 7, 7];
        ulong hidden = scratch.Poisoned<float>(tokens.Length * Width);
        var work = new ModelKernels.Embed
        {
            Table = scratch.Upload(Array.ConvertAll(table, DeviceScratch.Brain)),
            Tokens = scratch.Upload(tokens),
            Hidden = hidden,
            Width = Width,
        };
        kernels.Launch(scratch.Stream, work, tokens.Length);
        Assert.Equal(tokens.SelectMany(token => table.AsSpan(token * Width, Width).ToArray()), scratch.Download<float>(hidden, tokens.Length * Width));
    }

    [Theory]
    [InlineData(64, false, false)]
    [InlineData(4096, true, false)]
    [InlineData(1000, false, true)]
    [InlineData(256, true, true)]
    public void Norm_RandomRows_AgreesWithLoops(int width, bool hasBias, bool hasRows)
    {
        using var scratch = Start(64, out ModelKernels kernels);
        int[] rows = hasRows ? [4, 0, 2, 2] : [0, 1, 2, 3, 4];
        float[] hidden = DeviceScratch.Random(_random, 5 * width, 3), weight = DeviceScratch.Random(_random, width);
        float[] bias = hasBias ? DeviceScratch.Random(_random, width) : new float[width];
        ulong x = scratch.Upload(hidden), output = scratch.Poisoned<ushort>(rows.Length * width);
        var work = new ModelKernels.Norm
        {
            Hidden = x,
            Bias = hasBias ? scratch.Upload(bias) : 0,
            Weight = scratch.Upload(weight),
            Rows = hasRows ? scratch.Upload(rows) : 0,
            Output = output,
            Width = width,
            Epsilon = 1e-5f,
        };
        kernels.Launch(scratch.Stream, work, rows.Length);
        float[] sums = [.. hidden.Select((value, i) => value + bias[i % width])];
        float[] expected = [.. rows.SelectMany(row => Normalised(sums.AsSpan(row * width, width), weight, 1e-5))];
        Near(DeviceScratch.FromBrain(scratch.Download<ushort>(output, expected.Length)), expected, BrainTolerance);
        Near(scratch.Download<float>(x, hidden.Length), hasRows ? hidden : sums, SingleTolerance);
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(14336, false)]
    [InlineData(704, true)]
    public void Gate_RandomRows_AgreesWithLoops(int width, bool hasBias)
    {
        using var scratch = Start(64, out ModelKernels kernels);
        const int Rows = 3;
        float[] gateUp = DeviceScratch.Random(_random, Rows * 2 * width, 4), bias = hasBias ? DeviceScratch.Random(_random, 2 * width) : new float[2 * width];
        ulong output = scratch.Poisoned<ushort>(Rows * width);
        var work = new ModelKernels.Gate
        {
            GateUp = scratch.Upload(Array.ConvertAll(gateUp, DeviceScratch.Brain)),
            Bias = hasBias ? scratch.Upload(bias) : 0,
            Output = output,
            Width = width,
        };
        kernels.Launch(scratch.Stream, work, Rows);
        float[] expected = new float[Rows * width];
        for (int i = 0; i < expected.Length; i++)
        {
            int at = (i / width * 2 * width) + (i % width);
            double gate = gateUp[at] + bias[i % width], up = gateUp[at + width] + bias[width + (i % width)];
            expected[i] = (float)(gate / (1 + Math.Exp(-gate)) * up);
        }

        Near(DeviceScratch.FromBrain(scratch.Download<ushort>(output, expected.Length)), expected, BrainTolerance);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(4096)]
    [InlineData(128256)]
    public void Pick_RandomRows_FirstGreatestAndFiniteness(int vocabulary)
    {
        using var scratch = Start(64, out ModelKernels kernels);
        int stride = (vocabulary + 63) & -64;
        float[] logits = new float[5 * stride];
        for (int i = 0; i < logits.Length; i++)
        {
            logits[i] = i % stride < vocabulary ? (float)Math.Round(_random.NextDouble() * 50) : 1000;
        }

        logits[(2 * stride) + vocabulary - 1] = float.NaN;
        logits[(3 * stride) + 1] = float.PositiveInfinity;
        logits[4 * stride] = float.NegativeInfinity;
        ulong picked = scratch.Poisoned<int>(10);
        var work = new ModelKernels.Pick { Logits = scratch.Upload(logits), Picked = picked, VocabularySize = vocabulary, Stride = stride };
        kernels.Launch(scratch.Stream, work, 5);
        int[] actual = scratch.Download<int>(picked, 10);
        for (int row = 0; row < 2; row++)
        {
            float[] values = logits.AsSpan(row * stride, vocabulary).ToArray();
            Assert.Equal((Array.IndexOf(values, values.Max()), 1), (actual[2 * row], actual[(2 * row) + 1]));
        }

        Assert.Equal([0, 0, 0], [actual[5], actual[7], actual[9]]);
    }

    [Fact]
    public void Fill_Weights_AreSpreadAndSeeded()
    {
        using var scratch = Start(64, out ModelKernels kernels);
        const int Count = 1 << 20;
        ulong first = scratch.Poisoned<ushort>(Count), second = scratch.Poisoned<ushort>(Count), other = scratch.Poisoned<ushort>(Count);
        kernels.Launch(scratch.Stream, new ModelKernels.Fill { To = first, Count = Count, Seed = 5, Scale = 0.5f });
        kernels.Launch(scratch.Stream, new ModelKernels.Fill { To = second, Count = Count, Seed = 5, Scale = 0.5f });
        kernels.Launch(scratch.Stream, new ModelKernels.Fill { To = other, Count = Count, Seed = 1 << 30, Scale = 0.5f });
        ushort[] bits = scratch.Download<ushort>(first, Count);
        float[] values = DeviceScratch.FromBrain(bits);
        Assert.Equal(bits, scratch.Download<ushort>(second, Count));
        Assert.NotEqual(bits, scratch.Download<ushort>(other, Count));
        Assert.InRange(values.Average(), -0.002, 0.002);
        Assert.InRange(values.Average(x => x * x), 0.0823, 0.0843);
        Assert.InRange(values.Max(), 0.49f, 0.5f);
    }

    private static DeviceScratch Start(int headSize, out ModelKernels kernels)
    {
        CudaDevice device = Gpu.Required();
        kernels = new ModelKernels(device, Gpu.Compiler(), headSize);
        return new DeviceScratch();
    }

    private static float[] Normalised(ReadOnlySpan<float> x, float[] weight, double epsilon)
    {
        double sum = 0;
        foreach (float value in x)
        {
            sum += (double)value * value;
        }

        double scale = 1 / Math.Sqrt((sum / x.Length) + epsilon);
        float[] result = new float[x.Length];
        for (int i = 0; i < result.Length; i++)
        {
            result[i] = (float)(x[i] * scale * weight[i]);
        }

        return result;
    }

    private static float[] Rotated(float[] x, ReadOnlySpan<float> rotation)
    {
        int half = x.Length / 2;
        float[] result = new float[x.Length];
        for (int i = 0; i < half; i++)
        {
            (double cos, double sin) = (rotation[2 * i], rotation[(2 * i) + 1]);
            result[i] = (float)((x[i] * cos) - (x[i + half] * sin));
            result[i + half] = (float)((x[i + half] * cos) + (x[i] * sin));
        }

        return result;
    }

    private static void Near(float[] actual, float[] expected, double tolerance) =>
        Assert.InRange(AttentionCase.Error(actual, expected), 0, tolerance);
}
