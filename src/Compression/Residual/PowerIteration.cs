using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Residual;

/// <summary>
/// The low rank L of GEAR (arXiv 2403.05527, section 3): E ≈ QᵀP with orthonormal rows Q[rank][rows] and P = Q·E, by subspace iteration.
/// </summary>
/// <remarks>
/// The authors orthonormalise in the last of the three rounds only; doing it in each spans the same subspace and keeps 32-bit floats from losing
/// the smaller directions. Sums have a fixed order, so that results are the same bits on every processor.
/// </remarks>
internal static unsafe class PowerIteration
{
    public const int RoundCount = 3;

    /// <summary>What is left of a vector that lay in the span of those before it, relative to its length.</summary>
    private const float Dependent = 1e-5f;

    /// <param name="error">E[rows][columns].</param>
    /// <param name="rowCount">Multiple of 16.</param>
    /// <param name="columnCount">Multiple of 16.</param>
    /// <param name="rank">From 1.</param>
    /// <param name="left">Q: written. Rows of zeros where E has a smaller rank.</param>
    /// <param name="right">P: on entry the start.</param>
    public static void Fit(float* error, int rowCount, int columnCount, int rank, float* left, float* right)
    {
        for (int round = 0; round < RoundCount; round++)
        {
            for (int j = 0; j < rank; j++)
            {
                MultiplyRows(error, rowCount, columnCount, right + (j * columnCount), left + (j * rowCount));
            }

            Orthonormalise(left, rank, rowCount);
            TileMultiply.Multiply(left, rowCount, error, columnCount, right, columnCount, rank, columnCount, rowCount, accumulate: false);
        }
    }

    /// <summary>left[row] = E[row]·right, four rows at a time, each in the order of <see cref="LaneDot"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyRows(float* error, int rowCount, int columnCount, float* right, float* left)
    {
        for (int row = 0; row < rowCount; row += 4)
        {
            float* row1 = error + columnCount;
            float* row2 = row1 + columnCount;
            float* row3 = row2 + columnCount;
            Vector256<float> lower0 = default, lower1 = default, lower2 = default, lower3 = default;
            Vector256<float> upper0 = default, upper1 = default, upper2 = default, upper3 = default;
            for (int i = 0; i < columnCount; i += 16)
            {
                var lower = Vector256.Load(right + i);
                var upper = Vector256.Load(right + i + 8);
                lower0 = Vector256.FusedMultiplyAdd(lower, Vector256.Load(error + i), lower0);
                upper0 = Vector256.FusedMultiplyAdd(upper, Vector256.Load(error + i + 8), upper0);
                lower1 = Vector256.FusedMultiplyAdd(lower, Vector256.Load(row1 + i), lower1);
                upper1 = Vector256.FusedMultiplyAdd(upper, Vector256.Load(row1 + i + 8), upper1);
                lower2 = Vector256.FusedMultiplyAdd(lower, Vector256.Load(row2 + i), lower2);
                upper2 = Vector256.FusedMultiplyAdd(upper, Vector256.Load(row2 + i + 8), upper2);
                lower3 = Vector256.FusedMultiplyAdd(lower, Vector256.Load(row3 + i), lower3);
                upper3 = Vector256.FusedMultiplyAdd(upper, Vector256.Load(row3 + i + 8), upper3);
            }

            LaneDot.Fold(lower0 + upper0, lower1 + upper1, lower2 + upper2, lower3 + upper3).Store(left + row);
            error += 4 * columnCount;
        }
    }

    /// <summary>Gram-Schmidt, twice for each vector, in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Orthonormalise(float* vectors, int count, int length)
    {
        for (int j = 0; j < count; j++)
        {
            float* vector = vectors + (j * length);
            float before = MathF.Sqrt(LaneDot.Dot(vector, vector, length));
            for (int pass = 0; pass < 2; pass++)
            {
                for (int k = 0; k < j; k++)
                {
                    float* basis = vectors + (k * length);
                    AddScaled(vector, -LaneDot.Dot(vector, basis, length), basis, length);
                }
            }

            float norm = MathF.Sqrt(LaneDot.Dot(vector, vector, length));
            float factor = norm > Dependent * before ? 1 / norm : 0;
            for (int i = 0; i < length; i += 8)
            {
                (Vector256.Load(vector + i) * (float.IsFinite(factor) ? factor : 0)).Store(vector + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddScaled(float* vector, float factor, float* other, int length)
    {
        var factors = Vector256.Create(factor);
        for (int i = 0; i < length; i += 8)
        {
            Vector256.FusedMultiplyAdd(factors, Vector256.Load(other + i), Vector256.Load(vector + i)).Store(vector + i);
        }
    }
}
