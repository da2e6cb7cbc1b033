namespace KvCluster.Compression.Quantization;

/// <summary>Tokens of a Block that are quantised alike; a Block's segments follow one another and cover it.</summary>
/// <param name="Start">Index of the first, in the order in which tokens are stored.</param>
/// <param name="Count">A multiple of 16.</param>
/// <param name="BitCount">Bits of a code.</param>
internal readonly record struct TokenSegment(int Start, int Count, int BitCount)
{
    /// <summary>The largest code.</summary>
    public int MaxCode => (1 << BitCount) - 1;
}
