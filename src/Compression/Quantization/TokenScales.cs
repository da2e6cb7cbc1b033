using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Quantization;

/// <summary>Scale and zero of each token from the range of its values.</summary>
internal static unsafe class TokenScales
{
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>
    /// Stores 64 scales, then 64 zeros, in 16 bits: the zero rounded down and the scale up, so that codes reach the whole range. Leaves
    /// the zeros <i>as stored</i> in <paramref name="lows"/>, and 1/scale as stored in <paramref name="highs"/>.
    /// </summary>
    public static void Write(float* lows, float* highs, int maxCode, byte* parameters)
    {
        var scales = (Half*)parameters;
        Half* zeros = scales + Tokens;
        for (int token = 0; token < Tokens; token++)
        {
            Half zero = RoundDown(lows[token]);
            Half scale = RoundUp((highs[token] - (float)zero) / maxCode);
            zeros[token] = zero;
            scales[token] = scale;
            lows[token] = (float)zero;
            highs[token] = 1 / (float)scale;
        }
    }

    private static Half RoundDown(float value)
    {
        Half nearest = (Half)(value + 0f); // no negative zero
        return (float)nearest > value ? Half.BitDecrement(nearest) : nearest;
    }

    /// <summary>Never 0, so that its inverse is finite.</summary>
    private static Half RoundUp(float value)
    {
        Half nearest = (Half)value;
        Half raised = (float)nearest < value ? Half.BitIncrement(nearest) : nearest;
        return raised > Half.Zero ? raised : Half.Epsilon;
    }
}
