using KvCluster.Inference.Backends.Cpu;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>Products against one scalar chain of fused multiply-adds, to the last bit.</summary>
public sealed unsafe class MatrixMultiplyTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_AnyRowCountAndShape_EqualsScalarChain(bool isBFloat16)
    {
        var random = new Random(3);
        using var pool = new ComputePool(2);
        using var multiply = new MatrixMultiply(pool);
        foreach ((int depth, int columns) in ((int, int)[])[(16, 16), (100, 80), (801, 176)])
        {
            float[] weights = [.. Enumerable.Range(0, depth * columns).Select(_ => Truncate(random.NextSingle() - 0.5f, isBFloat16))];
            using PackedMatrix matrix = Pack(weights, depth, columns, isBFloat16);
            matrix.Bias = [.. Enumerable.Range(0, columns).Select(_ => random.NextSingle())];
            foreach (int rows in (int[])[1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 23, 24, 29, 200, 385])
            {
                float[] a = [.. Enumerable.Range(0, rows * depth).Select(_ => random.NextSingle() - 0.5f)];
                var c = new float[rows * columns];
                fixed (float* pa = a, pc = c)
                {
                    multiply.Run(pa, depth, rows, matrix, pc, columns);
                }

                for (int row = 0; row < rows; row += 1 + (rows / 13))
                {
                    for (int column = 0; column < columns; column++)
                    {
                        Assert.Equal(Chain(a.AsSpan(row * depth, depth), weights, column, columns) + matrix.Bias[column], c[(row * columns) + column]);
                    }
                }
            }
        }
    }

    [Fact]
    public void OnePanel_512BitVectors_SameBitsAs256()
    {
        const int Depth = 90;
        var random = new Random(4);
        float[] weights = [.. Enumerable.Range(0, Depth * 16).Select(_ => Truncate(random.NextSingle() - 0.5f, isBFloat16: true))];
        using PackedMatrix matrix = Pack(weights, Depth, 16, isBFloat16: true);
        float[] bias = [.. Enumerable.Range(0, 16).Select(_ => random.NextSingle())];
        for (int rows = 1; rows <= 40; rows++)
        {
            float[] a = [.. Enumerable.Range(0, rows * Depth).Select(_ => random.NextSingle() - 0.5f)];
            var narrow = new float[rows * 16];
            var wide = new float[rows * 16];
            fixed (float* pa = a, pn = narrow, pw = wide, pb = bias)
            {
                var first = new Tile((nint)pa, Depth, 16, 50, Resumes: false);
                var second = new Tile((nint)(pa + 50), Depth, 16, Depth - 50, Resumes: true);
                byte* rest = matrix.Panel(0) + (50 * matrix.RowSizeBytes);
                RowTiles.OnePanel<BFloat16Panel>(first, rows, matrix.Panel(0), pn, null, uses512: false);
                RowTiles.OnePanel<BFloat16Panel>(second, rows, rest, pn, pb, uses512: false);
                RowTiles.OnePanel<BFloat16Panel>(first, rows, matrix.Panel(0), pw, null, uses512: true);
                RowTiles.OnePanel<BFloat16Panel>(second, rows, rest, pw, pb, uses512: true);
            }

            Assert.Equal(narrow, wide);
        }
    }

    private static float Chain(ReadOnlySpan<float> row, float[] weights, int column, int columns)
    {
        float sum = 0;
        for (int k = 0; k < row.Length; k++)
        {
            sum = MathF.FusedMultiplyAdd(row[k], weights[(k * columns) + column], sum);
        }

        return sum;
    }

    private static PackedMatrix Pack(float[] weights, int depth, int columns, bool isBFloat16)
    {
        var matrix = new PackedMatrix(depth, columns, isBFloat16);
        for (int column = 0; column < columns; column++)
        {
            int lane = column % 16;
            for (int k = 0; k < depth; k++)
            {
                byte* row = matrix.Panel(column / 16) + (k * matrix.RowSizeBytes);
                if (isBFloat16)
                {
                    ((ushort*)row)[lane < 8 ? 2 * lane : (2 * (lane - 8)) + 1] = (ushort)(BitConverter.SingleToUInt32Bits(weights[(k * columns) + column]) >> 16);
                }
                else
                {
                    ((float*)row)[lane] = weights[(k * columns) + column];
                }
            }
        }

        return matrix;
    }

    private static float Truncate(float value, bool isBFloat16) =>
        isBFloat16 ? BitConverter.UInt32BitsToSingle(BitConverter.SingleToUInt32Bits(value) & 0xFFFF0000) : value;
}
