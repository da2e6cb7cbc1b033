using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed partial class ModelKernelsTests
{
    private const int Undrawn = -2;

    /// <param name="vocabulary">Tokens.</param>
    /// <param name="spread">Standard deviation of the logits.</param>
    /// <param name="grain">They are multiples of it, so that many are equal; 0: no two are.</param>
    /// <param name="mayBeLeft">Buckets may hold too many tokens to sort.</param>
    [Theory]
    [InlineData(5, 1, 0, false)]
    [InlineData(100, 3, 0.5, false)]
    [InlineData(4096, 2, 0, false)]
    [InlineData(4096, 4, 0.25, false)]
    [InlineData(128256, 3, 0, false)]
    [InlineData(128256, 5, 0, false)]
    [InlineData(128256, 1, 0.1, true)]
    public void Draw_RandomRows_AgreesWithTheSampler(int vocabulary, double spread, double grain, bool mayBeLeft)
    {
        const int RowCount = 64, BatchCount = 8;
        using var scratch = Start(64, out ModelKernels kernels);
        int stride = (vocabulary + 63) & -64, other = 0, left = 0;
        var sampler = new CandidateFilter();
        for (int batch = 0; batch < BatchCount; batch++)
        {
            float[] logits = [.. Enumerable.Range(0, RowCount * stride).Select(i => i % stride < vocabulary ? Rounded(spread * Gaussian(), grain) : 1000)];
            TokenDraw[] draws = [.. Enumerable.Range(0, RowCount).Select(_ => RandomDraw(vocabulary))];
            ulong device = scratch.Upload(logits), picked = scratch.Poisoned<int>(2 * RowCount);
            kernels.Launch(scratch.Stream, new ModelKernels.Pick { Logits = device, Picked = picked, VocabularySize = vocabulary, Stride = stride }, RowCount);
            int[] greatest = scratch.Download<int>(picked, 2 * RowCount);
            var work = new ModelKernels.Draw
            {
                Logits = device,
                Rows = scratch.Upload(MemoryMarshal.AsBytes<ModelKernels.DrawRow>(Array.ConvertAll(draws, draw => ModelKernels.DrawRow.Of(draw, vocabulary))).ToArray()),
                Picked = picked,
                VocabularySize = vocabulary,
                Stride = stride,
            };
            kernels.Launch(scratch.Stream, work, RowCount);
            int[] actual = scratch.Download<int>(picked, 2 * RowCount);
            for (int row = 0; row < RowCount; row++)
            {
                float[] values = logits.AsSpan(row * stride, vocabulary).ToArray();
                var parameters = new SamplingParameters { Temperature = draws[row].Temperature, TopK = draws[row].TopK, TopP = draws[row].TopP, MinP = draws[row].MinP };
                int expected = draws[row].IsGreedy ? greatest[2 * row] : sampler.Choose(values, values.Max(), parameters, draws[row].Uniform);
                left += actual[2 * row] == Undrawn ? 1 : 0;
                other += actual[2 * row] != Undrawn && actual[2 * row] != expected ? 1 : 0;
                Assert.Equal(1, actual[(2 * row) + 1]);
            }
        }

        Console.Error.WriteLine($"draw: {vocabulary} tokens, spread {spread}, grain {grain}: {other} of {RowCount * BatchCount} others, {left} left to the host");

        // Weights have 24 bits here and 53 there: a draw may fall on the other side of a border.
        Assert.InRange(other, 0, RowCount * BatchCount / 100);
        Assert.InRange(left, 0, mayBeLeft ? RowCount * BatchCount : 0);
    }

    private static float Rounded(double value, double grain) => (float)(grain == 0 ? value : Math.Round(value / grain) * grain);

    private double Gaussian() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());

    private TokenDraw RandomDraw(int vocabulary) => new(
        Temperature: _random.Next(8) switch { 0 => 0, 1 => 0.01f, 2 => 2, _ => 0.3f + _random.NextSingle() },
        TopK: _random.Next(3) switch { 0 => 0, 1 => 1 + _random.Next(100), _ => 1 + _random.Next(2 * vocabulary) },
        TopP: _random.Next(2) == 0 ? 1 : 0.05f + (0.95f * _random.NextSingle()),
        MinP: _random.Next(3) == 0 ? _random.NextSingle() : 0,
        Uniform: _random.NextDouble());
}
