using MathNet.Numerics.LinearAlgebra;

namespace KvCluster.Compression.Tests.Calibration;

/// <summary>RoPE in the half-split order: channels (i, i + d/2) of each head turn together.</summary>
internal static class Rotation
{
    /// <summary>Turns plane i of every head of a row by position · frequency of the plane.</summary>
    public static Vector<double> Turn(Vector<double> row, int headSize, double position, Func<int, double> frequency)
    {
        Vector<double> turned = row.Clone();
        int half = headSize / 2;
        for (int start = 0; start < row.Count; start += headSize)
        {
            for (int plane = 0; plane < half; plane++)
            {
                (double sin, double cos) = Math.SinCos(position * frequency(plane));
                (double a, double b) = (row[start + plane], row[start + plane + half]);
                turned[start + plane] = (a * cos) - (b * sin);
                turned[start + plane + half] = (b * cos) + (a * sin);
            }
        }

        return turned;
    }

    /// <summary>Each row at the position of its number.</summary>
    public static Matrix<double> Turn(Matrix<double> rows, int headSize, Func<int, double> frequency) =>
        Matrix<double>.Build.DenseOfRowVectors(rows.EnumerateRows().Select((row, position) => Turn(row, headSize, position, frequency)));

    public static double Standard(int plane, int headSize) => Math.Pow(10_000, -2.0 * plane / headSize);
}
