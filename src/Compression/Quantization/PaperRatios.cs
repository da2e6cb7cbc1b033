namespace KvCluster.Compression.Quantization;

/// <summary>
/// Compression ratios as the papers count them, under their own assumptions: 16-bit parameters, no token ids, no header, no recent tokens in 16 bits.
/// They are for comparison with published numbers; what a slab really takes is <see cref="Codecs.EncodedSize"/>.
/// </summary>
public static class PaperRatios
{
    private const double PlainBits = 16;
    private const double ParameterBits = 16;

    /// <summary>Groupwise quantisation of K and V: two parameters a group (ZipCache, arXiv 2405.14256, table 1: 4·b·h·d·l/n of them).</summary>
    /// <param name="bitCount">Of a code.</param>
    /// <param name="groupSize">n, channels of a group.</param>
    public static double Groupwise(double bitCount, int groupSize) => PlainBits / (bitCount + (2 * ParameterBits / groupSize));

    /// <summary>Tokenwise quantisation of K and V: two parameters a token (the same table: 4·b·l).</summary>
    /// <param name="bitCount">Of a code.</param>
    /// <param name="channelCount">h·d.</param>
    public static double Tokenwise(double bitCount, int channelCount) => PlainBits / (bitCount + (2 * ParameterBits / channelCount));

    /// <summary>K channelwise, V channel-separable tokenwise, channels' parameters shared by the batch (the same table: 3·h·d + 2·b·l).</summary>
    /// <param name="bitCount">Of a code.</param>
    /// <param name="channelCount">h·d.</param>
    /// <param name="tokenCount">b·l, of all sequences of the batch.</param>
    public static double ChannelSeparable(double bitCount, int channelCount, long tokenCount) =>
        Mixed(bitCount, channelCount, tokenCount, classCount: 1);

    /// <summary>ZipCache: 4 bits for a share of the tokens, 2 for the others; K has parameters for each of the two classes.</summary>
    /// <param name="salientShare">0 to 1.</param>
    /// <param name="channelCount">h·d.</param>
    /// <param name="tokenCount">b·l, of all sequences of the batch.</param>
    public static double ZipCache(double salientShare, int channelCount, long tokenCount) =>
        Mixed((4 * salientShare) + (2 * (1 - salientShare)), channelCount, tokenCount, classCount: 2);

    /// <summary>
    /// GEAR (arXiv 2403.05527) on KIVI: codes, two parameters a group, low-rank factors of K and V for each head, outliers with 16-bit indices.
    /// Rank 0 and no outliers is KIVI.
    /// </summary>
    /// <param name="bitCount">Of a code.</param>
    /// <param name="groupSize">Elements of a group.</param>
    /// <param name="headSize">d.</param>
    /// <param name="tokenCount">Tokens that one pair of factors covers.</param>
    /// <param name="rank">Of the factors.</param>
    /// <param name="sparseShare">Outliers' share of all elements.</param>
    public static double Gear(double bitCount, int groupSize, int headSize, int tokenCount, int rank, double sparseShare)
    {
        double codes = bitCount + (2 * ParameterBits / groupSize);
        double factors = ParameterBits * rank * (tokenCount + headSize) / ((double)tokenCount * headSize);
        double outliers = sparseShare * (PlainBits + 16);
        return PlainBits / (codes + factors + outliers);
    }

    private static double Mixed(double bitCount, int channelCount, long tokenCount, int classCount)
    {
        double keyParameters = 2.0 * classCount / tokenCount;
        double valueParameters = (1.0 / tokenCount) + (2.0 / channelCount);
        return PlainBits / (bitCount + (ParameterBits * (keyParameters + valueParameters) / 2));
    }
}
