using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Takes scales and zeros out of the inner product, so that it runs on bare codes. With codes a, channel scales c, token scales s
/// and token zeros z, x̂[t,d] = (a[t,d]·s[t] + z[t])·c[d] gives
/// score[t] = s[t]·Σ_d (q[d]·c[d])·a[t,d] + z[t]·Σ_d q[d]·c[d], and
/// output[d] = c[d]·(Σ_t (w[t]·s[t])·a[t,d] + Σ_t w[t]·z[t]).
/// </summary>
/// <remarks>The order of every sum is that of <see cref="LaneDot"/>.</remarks>
internal static unsafe class ScaleFolding
{
    /// <summary>Up to so many rows are folded with parameters as they are stored; more share them in 32 bits.</summary>
    public const int StoredMaxRowCount = 2;

    private const int Width = 16;

    /// <summary>Writes q·c to <paramref name="scaled"/>.</summary>
    /// <returns>Σ q·c.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float FoldChannels(float* query, float* channelScales, float* scaled, int count)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < count; i += Width)
        {
            Vector256<float> first = Vector256.Load(query + i) * Vector256.Load(channelScales + i);
            Vector256<float> second = Vector256.Load(query + i + 8) * Vector256.Load(channelScales + i + 8);
            first.Store(scaled + i);
            second.Store(scaled + i + 8);
            lower += first;
            upper += second;
        }

        return LaneDot.Fold(lower + upper);
    }

    /// <summary>Writes x·s to <paramref name="scaled"/>.</summary>
    /// <returns>Σ x·z.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Fold(float* x, float* scales, float* zeros, float* scaled, int count)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < count; i += Width)
        {
            var first = Vector256.Load(x + i);
            var second = Vector256.Load(x + i + 8);
            (first * Vector256.Load(scales + i)).Store(scaled + i);
            (second * Vector256.Load(scales + i + 8)).Store(scaled + i + 8);
            lower = Vector256.FusedMultiplyAdd(first, Vector256.Load(zeros + i), lower);
            upper = Vector256.FusedMultiplyAdd(second, Vector256.Load(zeros + i + 8), upper);
        }

        return LaneDot.Fold(lower + upper);
    }

    /// <summary>As <see cref="Fold(float*, float*, float*, float*, int)"/> with parameters as they are stored: for so few x that each is folded with them once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Fold(float* x, Half* scales, Half* zeros, float* scaled, int count)
    {
        Vector256<float> lower = default;
        Vector256<float> upper = default;
        for (int i = 0; i < count; i += Width)
        {
            var first = Vector256.Load(x + i);
            var second = Vector256.Load(x + i + 8);
            (first * HalfConversion.Load8(scales + i)).Store(scaled + i);
            (second * HalfConversion.Load8(scales + i + 8)).Store(scaled + i + 8);
            lower = Vector256.FusedMultiplyAdd(first, HalfConversion.Load8(zeros + i), lower);
            upper = Vector256.FusedMultiplyAdd(second, HalfConversion.Load8(zeros + i + 8), upper);
        }

        return LaneDot.Fold(lower + upper);
    }

    /// <summary>Adds a number to each element.</summary>
    public static void Add(float* y, float value, int count)
    {
        var constant = Vector256.Create(value);
        for (int i = 0; i < count; i += 8)
        {
            (Vector256.Load(y + i) + constant).Store(y + i);
        }
    }

    /// <summary>score = fma(product, s, z·querySum), in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FinishScores(float* scores, float* scales, float* zeros, float querySum, int count)
    {
        for (int i = 0; i < count; i += 8)
        {
            Vector256<float> constant = Vector256.Load(zeros + i) * querySum;
            Vector256.FusedMultiplyAdd(Vector256.Load(scores + i), Vector256.Load(scales + i), constant).Store(scores + i);
        }
    }

    /// <summary>output = fma(product + weightSum, c, output).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FinishValues(float* product, float* channelScales, float weightSum, float* output, int count)
    {
        var constant = Vector256.Create(weightSum);
        for (int i = 0; i < count; i += 8)
        {
            Vector256<float> sum = Vector256.Load(product + i) + constant;
            Vector256.FusedMultiplyAdd(sum, Vector256.Load(channelScales + i), Vector256.Load(output + i)).Store(output + i);
        }
    }
}
