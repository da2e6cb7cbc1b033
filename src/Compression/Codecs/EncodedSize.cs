using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>Bytes of encoded KV with everything counted: headers, parameters, codes and Tail; against 16-bit K and V.</summary>
/// <param name="TokenCount">Tokens held.</param>
/// <param name="SizeBytes">Bytes of all slabs.</param>
/// <param name="PlainSizeBytes">Bytes of K and V of the same tokens in 16 bits.</param>
public readonly record struct EncodedSize(long TokenCount, long SizeBytes, long PlainSizeBytes)
{
    public double BytesPerToken => TokenCount == 0 ? 0 : (double)SizeBytes / TokenCount;

    /// <summary>How many times smaller than 16-bit K and V; 0 when there is nothing.</summary>
    public double Ratio => SizeBytes == 0 ? 0 : (double)PlainSizeBytes / SizeBytes;

    public static EncodedSize operator +(EncodedSize left, EncodedSize right) => Add(left, right);

    public static EncodedSize Add(EncodedSize left, EncodedSize right) => new(
        left.TokenCount + right.TokenCount, left.SizeBytes + right.SizeBytes, left.PlainSizeBytes + right.PlainSizeBytes);

    /// <summary>
    /// Size of a prompt: its full Blocks in <paramref name="codec"/>, at their greatest size, and the rest as Tail slabs.
    /// </summary>
    public static EncodedSize ForPrompt(KvCodec codec, int tokenCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokenCount);
        KvGeometry geometry = codec.Geometry;
        (int blocks, int tailTokens) = Math.DivRem(tokenCount, KvGeometry.BlockTokenCount);
        long size = 0;
        for (int layer = 0; layer < geometry.LayerCount; layer++)
        {
            size += (long)blocks * (Slab.HeaderSizeBytes + codec.MaxPayloadSizeBytes(layer));
        }

        if (tailTokens > 0)
        {
            size += (long)geometry.LayerCount * (Slab.HeaderSizeBytes + RawCodec.TailPayloadSizeBytes(geometry, tailTokens));
        }

        return new EncodedSize(tokenCount, size, (long)tokenCount * geometry.TokenSizeBytes);
    }
}
