using System.Runtime.InteropServices;

namespace KvCluster.Compression.Quantization;

/// <summary>Scale and zero of ranges of values (asymmetric uniform quantisation: x̂ = code·scale + zero), as 16-bit floats.</summary>
internal static unsafe class AffineParameters
{
    /// <summary>
    /// The zero rounded down and the scale up, so that codes reach the whole range. Leaves the zeros <i>as stored</i> in
    /// <paramref name="lows"/>, and 1/scale as stored in <paramref name="highs"/>.
    /// </summary>
    public static void Write(float* lows, float* highs, int count, int maxCode, Half* scales, Half* zeros)
    {
        for (int i = 0; i < count; i++)
        {
            Half zero = RoundDown(lows[i]);
            Half scale = RoundUp((highs[i] - (float)zero) / maxCode);
            zeros[i] = zero;
            scales[i] = scale;
            lows[i] = (float)zero;
            highs[i] = 1 / (float)scale;
        }
    }

    /// <summary>Every scale positive and finite, every zero finite.</summary>
    public static bool AreWellFormed(ReadOnlySpan<byte> scales, ReadOnlySpan<byte> zeros)
    {
        bool isWellFormed = true;
        foreach (Half scale in MemoryMarshal.Cast<byte, Half>(scales))
        {
            isWellFormed &= Half.IsFinite(scale) && scale > Half.Zero;
        }

        foreach (Half zero in MemoryMarshal.Cast<byte, Half>(zeros))
        {
            isWellFormed &= Half.IsFinite(zero);
        }

        return isWellFormed;
    }

    private static Half RoundDown(float value)
    {
        Half nearest = (Half)(Clamp(value) + 0f); // no negative zero
        return (float)nearest > value && nearest > Half.MinValue ? Half.BitDecrement(nearest) : nearest;
    }

    /// <summary>Never 0, so that its inverse is finite.</summary>
    private static Half RoundUp(float value)
    {
        Half nearest = (Half)Clamp(value);
        Half raised = (float)nearest < value && nearest < Half.MaxValue ? Half.BitIncrement(nearest) : nearest;
        return raised > Half.Zero ? raised : Half.Epsilon;
    }

    private static float Clamp(float value) => Math.Clamp(value, (float)Half.MinValue, (float)Half.MaxValue);
}
