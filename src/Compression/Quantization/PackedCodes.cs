namespace KvCluster.Compression.Quantization;

/// <summary>Reads single codes, for oracles and decoding. Codes lie in groups of 16, a group of b bits a code in 2·b bytes.</summary>
internal static unsafe class PackedCodes
{
    /// <param name="codes">The beginning of the matrix; rows are whole groups, so rows need not be told apart.</param>
    /// <param name="element">Index from there.</param>
    /// <param name="bitCount">8 or 4.</param>
    public static int Read(byte* codes, int element, int bitCount) => bitCount switch
    {
        8 => codes[element],
        4 => NibbleOrder.Read(codes, element),
        _ => throw new ArgumentOutOfRangeException(nameof(bitCount), bitCount, "Codes have 8 or 4 bits."),
    };
}
