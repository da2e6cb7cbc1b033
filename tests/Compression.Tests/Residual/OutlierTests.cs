using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Residual;

namespace KvCluster.Compression.Tests.Residual;

public sealed unsafe class OutlierTests
{
    [Theory]
    [InlineData(64, 64, 41)]
    [InlineData(48, 64, 1)]
    [InlineData(64, 80, 700)]
    [InlineData(16, 64, 1024)]
    public void Select_AnyMatrix_TakesTheFarthestFromTheirRowsMeans(int rowCount, int columnCount, int count)
    {
        foreach (int kind in Enumerable.Range(0, 4))
        {
            var random = new Random(kind);
            float[] matrix = [.. Enumerable.Range(0, rowCount * columnCount).Select(i => kind switch
            {
                0 => random.NextSingle() - 0.5f,
                1 => random.Next(4), // many at the same distance
                2 => 0,
                _ => i % 100 == 3 ? 60000 : random.NextSingle(),
            })];
            int[] byDistance = [.. Enumerable.Range(0, matrix.Length)
                .OrderByDescending(i => Distance(matrix, i, columnCount)).ThenBy(i => i).Take(count).Order()];
            Assert.Equal(byDistance, Select(matrix, rowCount, columnCount, count));
        }
    }

    [Fact]
    public void List_AnyPositions_ComeBack() =>
        Prop.ForAll(Gen.ListOf(Gen.Choose(0, 4095)).ToArbitrary(), chosen =>
        {
            int[] positions = [.. chosen.Append(4095).Distinct().Order()];
            var matrix = new ResidualMatrix(64, 64, 0, positions.Length, 0, 8, 0);
            byte[] payload = new byte[matrix.End];
            int[] read = new int[positions.Length];
            fixed (int* from = positions, to = read)
            fixed (byte* bytes = payload)
            {
                OutlierList.Write(matrix, from, bytes);
                OutlierList.ReadPositions(matrix, bytes, to);
            }

            return OutlierList.IsWellFormed(matrix, payload) && positions.SequenceEqual(read);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(200));

    [Fact]
    public void List_GapsBeyondTheMatrix_AreRefused()
    {
        var matrix = new ResidualMatrix(64, 64, 0, 20, 0, 0, 0);
        byte[] payload = new byte[matrix.End];
        payload.AsSpan(matrix.GapStart, 16).Fill(255);
        Assert.True(OutlierList.IsWellFormed(matrix, payload)); // 4,080
        payload[matrix.GapStart + matrix.SlotCount - 1] = 15;
        Assert.True(OutlierList.IsWellFormed(matrix, payload)); // 4,095: the last
        payload[matrix.GapStart + matrix.SlotCount - 1] = 16;
        Assert.False(OutlierList.IsWellFormed(matrix, payload));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(-1f)]
    public void List_ScaleThatCannotBe_IsRefused(float scale)
    {
        var matrix = new ResidualMatrix(64, 64, 0, 20, 0, 0, 0);
        byte[] payload = new byte[matrix.End];
        BitConverter.TryWriteBytes(payload.AsSpan(matrix.OutlierScaleStart), scale);
        Assert.False(OutlierList.IsWellFormed(matrix, payload));
    }

    private static int Distance(float[] matrix, int index, int columnCount)
    {
        float[] row = matrix[(index / columnCount * columnCount)..((index / columnCount * columnCount) + columnCount)];
        return BitConverter.SingleToInt32Bits(MathF.Abs(matrix[index] - (Quantization.Sums.Of(row) / columnCount))) >> 16;
    }

    private static int[] Select(float[] matrix, int rowCount, int columnCount, int count)
    {
        short[] distances = new short[matrix.Length];
        int[] positions = new int[count];
        fixed (float* m = matrix, means = new float[rowCount])
        fixed (short* d = distances)
        fixed (int* p = positions)
        {
            OutlierSelection.Write(m, rowCount, columnCount, count, d, means, p);
        }

        return positions;
    }
}
