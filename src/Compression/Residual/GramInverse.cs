using System.Runtime.CompilerServices;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Residual;

/// <summary>(C·Cᵀ)⁻¹ of few rows C: with it the other factor is refitted, by least squares, to a factor that was rounded.</summary>
internal static unsafe class GramInverse
{
    private const double Dependent = 1e-9;

    /// <param name="rows">C[count][length]; small whole numbers.</param>
    /// <param name="count">At most 64.</param>
    /// <param name="length">Multiple of 16.</param>
    /// <param name="inverse">[count][count]; rows and columns of zeros for rows that depend on those before them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* rows, int count, int length, float* inverse)
    {
        Span<double> gram = stackalloc double[count * count];
        Span<double> result = stackalloc double[count * count];
        result.Clear();
        for (int i = 0; i < count; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                gram[(i * count) + j] = gram[(j * count) + i] = LaneDot.Dot(rows + (i * length), rows + (j * length), length);
            }

            result[(i * count) + i] = 1;
        }

        // Gauss and Jordan: a Gram matrix needs no other pivots than its diagonal.
        for (int p = 0; p < count; p++)
        {
            double pivot = gram[(p * count) + p];
            bool isDependent = pivot <= Dependent * length;
            for (int j = 0; j < count; j++)
            {
                gram[(p * count) + j] = isDependent ? 0 : gram[(p * count) + j] / pivot;
                result[(p * count) + j] = isDependent ? 0 : result[(p * count) + j] / pivot;
            }

            for (int i = 0; i < count; i++)
            {
                double factor = gram[(i * count) + p];
                for (int j = 0; i != p && j < count; j++)
                {
                    gram[(i * count) + j] -= factor * gram[(p * count) + j];
                    result[(i * count) + j] -= factor * result[(p * count) + j];
                }
            }
        }

        for (int i = 0; i < count * count; i++)
        {
            inverse[i] = (float)result[i];
        }
    }
}
