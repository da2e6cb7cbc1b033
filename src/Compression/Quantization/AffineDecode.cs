using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace KvCluster.Compression.Quantization;

/// <summary>From codes, as floats, to values, in place; counts are multiples of 16.</summary>
internal static unsafe class AffineDecode
{
    /// <summary>x̂ = fma(code, scale, zero).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* row, int count, float scale, float zero)
    {
        var scales = Vector256.Create(scale);
        var zeros = Vector256.Create(zero);
        for (int i = 0; i < count; i += 8)
        {
            Vector256.FusedMultiplyAdd(Vector256.Load(row + i), scales, zeros).Store(row + i);
        }
    }

    /// <summary>x̂ = fma(code, scale, zero)·channel, where scale and zero are of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScaleToken(float* row, int count, float scale, float zero, float* channels)
    {
        var scales = Vector256.Create(scale);
        var zeros = Vector256.Create(zero);
        for (int i = 0; i < count; i += 8)
        {
            (Vector256.FusedMultiplyAdd(Vector256.Load(row + i), scales, zeros) * Vector256.Load(channels + i)).Store(row + i);
        }
    }

    /// <summary>x̂ = fma(code, scale, zero)·channel, where channel is of the row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ScaleChannel(float* row, int count, float* scales, float* zeros, float channel)
    {
        var channels = Vector256.Create(channel);
        for (int i = 0; i < count; i += 8)
        {
            (Vector256.FusedMultiplyAdd(Vector256.Load(row + i), Vector256.Load(scales + i), Vector256.Load(zeros + i)) * channels).Store(row + i);
        }
    }
}
