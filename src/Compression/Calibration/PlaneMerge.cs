using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Calibration;

/// <summary>
/// Merges heads plane by plane of RoPE (papers.md 4.1, K-plane): channels (i, i + d/2) of a head are one complex number, and t heads keep one
/// complex combination of theirs. Complex factors commute with the rotation, so scores still depend on the distance of positions alone.
/// </summary>
public static class PlaneMerge
{
    /// <param name="moment">Second moment of the heads' concatenated keys, [t·d][t·d].</param>
    /// <param name="headSize">d; the result's rank too.</param>
    public static SideBasis Of(Matrix<double> moment, int headSize)
    {
        ArgumentNullException.ThrowIfNull(moment);
        int heads = moment.RowCount / headSize;
        int half = headSize / 2;
        var map = Matrix<double>.Build.Dense(moment.RowCount, headSize);
        for (int plane = 0; plane < half; plane++)
        {
            // The Hermitian Gram Zᴴ·Z as a real symmetric matrix of twice the size, [Re −Im; Im Re], whose leading vector is (Re u; Im u).
            (Matrix<double> real, Matrix<double> imaginary) = Hermitian(moment, headSize, plane);
            var embedded = Matrix<double>.Build.DenseOfMatrixArray(new[,] { { real, -imaginary }, { imaginary, real } });
            Vector<double> leading = SymmetricEigen.Of(embedded).Vectors.Column(0);
            for (int head = 0; head < heads; head++)
            {
                double re = leading[head];
                double im = leading[heads + head];
                int row = (head * headSize) + plane;
                map[row, plane] = re;
                map[row, plane + half] = im;
                map[row + half, plane] = -im;
                map[row + half, plane + half] = re;
            }
        }

        return Bases.Orthonormal(map);
    }

    /// <summary>
    /// The moment as it is when positions are spread evenly over the turns of every plane: planes do not mix, and only what commutes with the
    /// rotation is left. Turns a moment of keys before RoPE into one of keys after it.
    /// </summary>
    public static Matrix<double> OverAllPositions(Matrix<double> moment, int headSize)
    {
        ArgumentNullException.ThrowIfNull(moment);
        int half = headSize / 2;
        var result = Matrix<double>.Build.Dense(moment.RowCount, moment.ColumnCount);
        for (int plane = 0; plane < half; plane++)
        {
            (Matrix<double> real, Matrix<double> imaginary) = Hermitian(moment, headSize, plane);
            for (int i = 0; i < real.RowCount; i++)
            {
                for (int j = 0; j < real.RowCount; j++)
                {
                    int row = (i * headSize) + plane;
                    int column = (j * headSize) + plane;
                    result[row, column] = result[row + half, column + half] = real[i, j] / 2;
                    result[row, column + half] = imaginary[i, j] / 2;
                    result[row + half, column] = -imaginary[i, j] / 2;
                }
            }
        }

        return result;
    }

    /// <summary>conj(z_i)·z_j of one plane, z = a + i·b.</summary>
    private static (Matrix<double> Real, Matrix<double> Imaginary) Hermitian(Matrix<double> moment, int headSize, int plane)
    {
        int heads = moment.RowCount / headSize;
        int A(int head) => (head * headSize) + plane;
        int B(int head) => A(head) + (headSize / 2);
        return (
            Matrix<double>.Build.Dense(heads, heads, (i, j) => moment[A(i), A(j)] + moment[B(i), B(j)]),
            Matrix<double>.Build.Dense(heads, heads, (i, j) => moment[A(i), B(j)] - moment[B(i), A(j)]));
    }
}
