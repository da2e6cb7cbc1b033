using System.Runtime.Intrinsics;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Operations on rows of floats in one fixed order, so that a row's result does not depend on the rows around it.</summary>
internal static unsafe class RowMath
{
    /// <summary>Root mean square normalisation (Zhang and Sennrich 2019): x / sqrt(mean(x^2) + epsilon) * weight.</summary>
    public static void RmsNorm(float* x, ReadOnlySpan<float> weight, float epsilon, float* result)
    {
        int length = weight.Length;
        float scale = 1 / MathF.Sqrt((SumOfSquares(x, length) / length) + epsilon);
        Vector256<float> scales = Vector256.Create(scale);
        fixed (float* w = weight)
        {
            int i = 0;
            for (; i <= length - 8; i += 8)
            {
                (Vector256.Load(x + i) * scales * Vector256.Load(w + i)).Store(result + i);
            }

            for (; i < length; i++)
            {
                result[i] = x[i] * scale * w[i];
            }
        }
    }

    public static void Add(float* x, float* delta, int length)
    {
        int i = 0;
        for (; i <= length - 8; i += 8)
        {
            (Vector256.Load(x + i) + Vector256.Load(delta + i)).Store(x + i);
        }

        for (; i < length; i++)
        {
            x[i] += delta[i];
        }
    }

    /// <summary>gate = silu(gate) * up; whole vectors, so rows are padded to eight.</summary>
    public static void SiluTimes(float* gate, float* up, int length)
    {
        for (int i = 0; i < length; i += 8)
        {
            (VectorMath.Silu(Vector256.Load(gate + i)) * Vector256.Load(up + i)).Store(gate + i);
        }
    }

    /// <summary>
    /// Rotary embedding (Su et al. 2021): pair i is elements i and i + half. Whole vectors: half is a multiple of eight. The result
    /// may be in place.
    /// </summary>
    public static void Rotate(float* x, float* cos, float* sin, int half, float* result)
    {
        for (int i = 0; i < half; i += 8)
        {
            Vector256<float> c = Vector256.Load(cos + i);
            Vector256<float> s = Vector256.Load(sin + i);
            Vector256<float> first = Vector256.Load(x + i);
            Vector256<float> second = Vector256.Load(x + half + i);
            ((first * c) - (second * s)).Store(result + i);
            ((second * c) + (first * s)).Store(result + half + i);
        }
    }

    public static void Scale(float* x, float factor, int length)
    {
        Vector256<float> factors = Vector256.Create(factor);
        for (int i = 0; i < length; i += 8)
        {
            (Vector256.Load(x + i) * factors).Store(x + i);
        }
    }

    /// <summary>Whether all values are finite and below <paramref name="limit"/> in magnitude.</summary>
    public static bool AllBelow(ReadOnlySpan<float> x, float limit)
    {
        fixed (float* values = x)
        {
            Vector256<float> limits = Vector256.Create(limit);
            Vector256<float> below = Vector256<float>.AllBitsSet;
            int i = 0;
            for (; i <= x.Length - 8; i += 8)
            {
                below &= Vector256.LessThan(Vector256.Abs(Vector256.Load(values + i)), limits);
            }

            bool all = below.AsInt32() == Vector256<int>.AllBitsSet;
            for (; i < x.Length; i++)
            {
                all &= MathF.Abs(values[i]) < limit;
            }

            return all;
        }
    }

    private static float SumOfSquares(float* x, int length)
    {
        Vector256<float> even = default;
        Vector256<float> odd = default;
        int i = 0;
        for (; i <= length - 16; i += 16)
        {
            Vector256<float> a = Vector256.Load(x + i);
            Vector256<float> b = Vector256.Load(x + i + 8);
            even = Vector256.FusedMultiplyAdd(a, a, even);
            odd = Vector256.FusedMultiplyAdd(b, b, odd);
        }

        float sum = VectorMath.Sum(even + odd);
        for (; i < length; i++)
        {
            sum = MathF.FusedMultiplyAdd(x[i], x[i], sum);
        }

        return sum;
    }
}
