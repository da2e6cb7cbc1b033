namespace KvCluster.Inference.Sampling;

/// <summary>
/// Philox 4x32-10, the counter-based generator of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
/// A value depends on key and counter alone, so a Sequence that moves to another worker draws the same numbers.
/// </summary>
internal static class Philox
{
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;
    private const int RoundCount = 10;

    public static (uint X0, uint X1, uint X2, uint X3) Block(uint c0, uint c1, uint c2, uint c3, uint key0, uint key1)
    {
        for (var round = 0; round < RoundCount; round++)
        {
            var product0 = (ulong)Multiplier0 * c0;
            var product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ key0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ key1, (uint)product0);
            key0 = unchecked(key0 + Weyl0);
            key1 = unchecked(key1 + Weyl1);
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Uniform in [0, 1) with 53 random bits, for one position of a Sequence.</summary>
    public static double Uniform(ulong seed, int position)
    {
        var (x0, x1, _, _) = Block((uint)position, 0, 0, 0, (uint)seed, (uint)(seed >> 32));
        return ((((ulong)x0 << 32) | x1) >> 11) * (1.0 / (1UL << 53));
    }
}
