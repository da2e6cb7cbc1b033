using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>Makes bases out of second moments. Moments are of rows x over the concatenated channels of a group's heads.</summary>
public static class Bases
{
    private const double Ridge = 1e-9;

    /// <summary>Columns of an orthonormal matrix, rounded to 16 bits; they map there and back.</summary>
    public static SideBasis Orthonormal(Matrix<double> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return new SideBasis { Rank = columns.ColumnCount, Map = Round(columns) };
    }

    /// <summary>The subspace that orthonormal columns span, to within <see cref="Reflections.Unit"/>, in an orthonormal basis that is small to store.</summary>
    public static SideBasis Subspace(Matrix<double> columns)
    {
        Reflections reflections = Reflections.Of(columns, onlySpan: true);
        return new SideBasis { Rank = reflections.Rank, Map = reflections.Map(), Reflections = reflections };
    }

    /// <summary>
    /// Maps A, B of rank r that keep products best: x·A·Bᵀ·yᵀ ≈ x·yᵀ (KQ-SVD, arXiv 2512.05916). S_x = L_x·L_xᵀ, S_y = L_y·L_yᵀ,
    /// L_xᵀ·L_y = U·S·Vᵀ; A = L_x^-ᵀ·U_r·S_r^½, B = L_y^-ᵀ·V_r·S_r^½. Column lengths are moved from A to B, which changes no product.
    /// </summary>
    /// <param name="x">Second moment of x: keys, or values.</param>
    /// <param name="y">Second moment of y: queries, or columns of W_O.</param>
    public static JointBasis Joint(Matrix<double> x, Matrix<double> y)
    {
        Matrix<double> rootX = Root(x);
        Matrix<double> rootY = Root(y);
        var svd = rootX.TransposeThisAndMultiply(rootY).Svd();
        Matrix<double> map = rootX.Transpose().Solve(svd.U);
        Matrix<double> inverse = rootY.Transpose().Solve(svd.VT.Transpose());
        for (int column = 0; column < map.ColumnCount; column++)
        {
            double length = map.Column(column).L2Norm();
            map.SetColumn(column, map.Column(column) / length);
            inverse.SetColumn(column, inverse.Column(column) * (svd.S[column] * length));
        }

        return new JointBasis(map, inverse, [.. svd.S.Select(value => value * value)]);
    }

    /// <summary>Two maps that are not each other's transpose, rounded to 16 bits.</summary>
    public static SideBasis Pair(Matrix<double> map, Matrix<double> inverse)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(inverse);
        return new SideBasis { Rank = map.ColumnCount, Map = Round(map), Inverse = Round(inverse) };
    }

    /// <summary>Plain averaging of <paramref name="headCount"/> heads: every head's row becomes their mean (the conversion of GQA, arXiv 2305.13245).</summary>
    public static SideBasis Mean(int headCount, int headSize)
    {
        var average = new Half[headCount * headSize * headSize];
        var copy = new Half[average.Length];
        for (int row = 0; row < headCount * headSize; row++)
        {
            average[(row * headSize) + (row % headSize)] = (Half)(1.0 / headCount);
            copy[(row * headSize) + (row % headSize)] = Half.One;
        }

        return new SideBasis { Rank = headSize, Map = average, Inverse = copy };
    }

    /// <summary>Row-major, rounded to 16 bits.</summary>
    public static Half[] Round(Matrix<double> matrix)
    {
        ArgumentNullException.ThrowIfNull(matrix);
        return [.. matrix.EnumerateRows().SelectMany(row => row.Select(value => (Half)value))];
    }

    /// <summary>The least power of two, from 2^-14 on, of which <paramref name="greatest"/> is at most <paramref name="maxCode"/>.</summary>
    public static float CoarseUnit(float greatest, int maxCode)
    {
        int exponent = -14;
        while (exponent < 15 && greatest > maxCode * MathF.ScaleB(1, exponent))
        {
            exponent++;
        }

        return MathF.ScaleB(1, exponent);
    }

    private static Matrix<double> Root(Matrix<double> moment)
    {
        ArgumentNullException.ThrowIfNull(moment);
        double ridge = (Ridge * moment.Trace() / moment.RowCount) + double.Epsilon;
        return (moment + Matrix<double>.Build.DenseDiagonal(moment.RowCount, ridge)).Cholesky().Factor;
    }
}
