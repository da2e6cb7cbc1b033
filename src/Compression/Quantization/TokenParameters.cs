using KvCluster.Compression.Blocks;
using KvCluster.Compression.Numerics;

namespace KvCluster.Compression.Quantization;

/// <summary>A scale and a zero of each of 64 tokens, for all channels: 64 scales, then 64 zeros, in 16-bit floats.</summary>
internal static unsafe class TokenParameters
{
    public const int SizeBytes = 2 * Tokens * sizeof(ushort);
    private const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>
    /// Writes the parameters of one segment from the ranges of its tokens: zeros rounded down and scales up, so that codes reach the whole range.
    /// Leaves the zeros <i>as stored</i> in <paramref name="lows"/>, and 1/scale as stored in <paramref name="highs"/>.
    /// </summary>
    public static void Write(TokenSegment segment, float* lows, float* highs, byte* parameters)
    {
        Half* scales = (Half*)parameters + segment.Start;
        AffineParameters.Write(lows + segment.Start, highs + segment.Start, segment.Count, segment.MaxCode, scales, scales + Tokens);
    }

    /// <summary>64 scales, and the 64 zeros after them, in 32 bits.</summary>
    public static void Read(byte* parameters, float* scales) =>
        HalfConversion.ToSingle(new ReadOnlySpan<Half>(parameters, 2 * Tokens), new Span<float>(scales, 2 * Tokens));

    /// <summary>Every scale positive and finite, every zero finite.</summary>
    public static bool AreWellFormed(ReadOnlySpan<byte> parameters) =>
        AffineParameters.AreWellFormed(parameters[..(Tokens * sizeof(ushort))], parameters[(Tokens * sizeof(ushort))..SizeBytes]);
}
