using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Model;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Kernels/model.cu and cuBLASLt against plain loops; skipped without a GPU.</summary>
public sealed class ModelKernelsTests
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
    [InlineData(64, 8, 8, false)]
    [InlineData(128, 32, 8, false)]
    [InlineData(64, 3, 1, true)]
    [InlineData(128, 7, 1, true)]
    public void Append_RandomRows_AgreesWithLoops(int headSize, int heads, int kvHeads, bool hasAll)
    {
        using var scratch = Start(headSize, out ModelKernels kernels);
        const int PageCount = 3;
        int all = heads + (2 * kvHeads), half = headSize / 2;
        int[] positions = [5, 63, 64, 200, 9], pages = [2, 0, 1, 1, -1], probes = [-1, 1, -1, 0, -1];
        float[] projected = DeviceScratch.Random(_random, positions.Length * all * headSize, 2);
        float[] bias = hasAll ? DeviceScratch.Random(_random, all * headSize) : new float[all * headSize];
        float[] norm = DeviceScratch.Random(_random, headSize), keyNorm = DeviceScratch.Random(_random, headSize);
        projected[(((1 * all) + heads) * headSize) + 3] = hasAll ? 0.5f : float.PositiveInfinity;
        float[] rotation = new float[256 * half * 2];
        for (int i = 0; i < rotation.Length / 2; i++)
        {
            (rotation[(2 * i) + 1], rotation[2 * i]) = MathF.SinCos(i / half * MathF.Pow(1000, -(float)(i % half) / half));
        }

        int pageHalves = kvHeads * 128 * headSize;
        ushort[] before = [.. Enumerable.Range(0, PageCount * pageHalves).Select(i => (ushort)(i % 1000))];
        ulong query = scratch.Poisoned<float>(positions.Length * heads * headSize), open = scratch.Upload(before);
        int kvWidth = kvHeads * headSize;
        ulong queryRows = scratch.Poisoned<ushort>(positions.Length * heads * headSize);
        ulong keyRows = scratch.Poisoned<ushort>(positions.Length * kvWidth), valueRows = scratch.Poisoned<ushort>(positions.Length * kvWidth);
        ulong probeQueries = scratch.Poisoned<ushort>(2 * heads * headSize), failures = scratch.Poisoned<int>(positions.Length);
        var work = new ModelKernels.Append
        {
            Projected = scratch.Upload(Array.ConvertAll(projected, DeviceScratch.Brain)),
            Bias = hasAll ? scratch.Upload(bias) : 0,
            QueryNorm = hasAll ? scratch.Upload(norm) : 0,
            KeyNorm = hasAll ? scratch.Upload(keyNorm) : 0,
            Rotation = scratch.Upload(rotation),
            Positions = scratch.Upload(positions),
            Pages = scratch.Upload(pages),
            Probes = scratch.Upload(probes),
            Query = query,
            QueryRows = queryRows,
            KeyRows = keyRows,
            ValueRows = valueRows,
            Open = open,
            ProbeQueries = probeQueries,
            Failures = failures,
            OpenStride = (ulong)(pageHalves * sizeof(ushort)),
            HeadCount = heads,
            KvHeadCount = kvHeads,
            Layer = 4,
            Epsilon = 1e-5f,
        };
        kernels.Launch(scratch.Stream, work, positions.Length);

        float[] expectedQuery = new float[(positions.Length - 1) * heads * headSize];
        float[] expectedKeys = new float[(positions.Length - 1) * kvWidth], expectedValues = new float[expectedKeys.Length];
        Half[] expectedOpen = Array.ConvertAll(before, BitConverter.UInt16BitsToHalf);
        for (int row = 0; row < positions.Length - 1; row++)
        {
            for (int head = 0; head < all; head++)
            {
                bool isQuery = head < heads, isValue = head >= heads + kvHeads;
                float[] x = [.. Enumerable.Range(0, headSize).Select(i => projected[(((row * all) + head) * headSize) + i] + bias[(head * headSize) + i])];
                x = hasAll && !isValue ? Normalised(x, isQuery ? norm : keyNorm, 1e-5) : x;
                x = isValue ? x : Rotated(x, rotation.AsSpan(positions[row] * headSize, headSize));
                int page = (pages[row] * pageHalves) + ((head - (isValue ? heads + kvHeads : heads)) * 128 * headSize), column = positions[row] % 64;
                for (int i = 0; i < headSize; i++)
                {
                    if (isQuery)
                    {
                        expectedQuery[(((row * heads) + head) * headSize) + i] = x[i];
                    }
                    else
                    {
                        int kvHead = head - (isValue ? heads + kvHeads : heads);
                        (isValue ? expectedValues : expectedKeys)[(row * kvWidth) + (kvHead * headSize) + i] = float.IsFinite(x[i]) ? x[i] : 0;
                        expectedOpen[page + (isValue ? (64 * headSize) + (column * headSize) + i : (i * 64) + column)] = float.IsFinite(x[i]) ? (Half)x[i] : Half.Zero;
                    }
                }
            }
        }

        Near(scratch.Download<float>(query, expectedQuery.Length), expectedQuery, SingleTolerance);
        Near(Halves(queryRows, expectedQuery.Length), expectedQuery, 5e-4);
        Near(Halves(keyRows, expectedKeys.Length), expectedKeys, 5e-4);
        Near(Halves(valueRows, expectedValues.Length), expectedValues, 5e-4);
        float[] probed = Halves(probeQueries, 2 * heads * headSize);
        int width = heads * headSize;
        Near(probed, [.. expectedQuery.AsSpan(3 * width, width), .. expectedQuery.AsSpan(width, width)], 5e-4);
        Near(Halves(open, before.Length), Array.ConvertAll(expectedOpen, value => (float)value), 5e-4);
        Assert.Equal(hasAll ? [-1, -1, -1, -1, -1] : [-1, 4, -1, -1, -1], scratch.Download<int>(failures, positions.Length));

        float[] Halves(ulong from, int count) => Array.ConvertAll(scratch.Download<ushort>(from, count), bits => (float)BitConverter.UInt16BitsToHalf(bits));
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
