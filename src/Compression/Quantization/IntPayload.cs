using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Quantization;

/// <summary>
/// Where everything lies in a payload of <c>int8</c> or <c>int4</c>; all offsets and sizes in bytes. First, for all heads, 64 scales
/// and 64 zeros of K, then of V, in 16-bit floats. Then per KV head: channel scales of K, codes of K (a row a channel),
/// channel scales of V, codes of V (a row a token). Byte table: docs/slab-format.md.
/// </summary>
internal sealed class IntPayload(KvGeometry geometry, int bitCount)
{
    public const int KeyScales = 0;
    public const int KeyZeros = ParametersSize;
    public const int ValueScales = 2 * ParametersSize;
    public const int ValueZeros = 3 * ParametersSize;
    public const int SharedSize = 4 * ParametersSize;
    private const int ParametersSize = KvGeometry.BlockTokenCount * sizeof(ushort);

    /// <summary>Of one head, of K as of V.</summary>
    public int CodesSize { get; } = KvGeometry.BlockTokenCount * geometry.HeadSize * bitCount / 8;

    public int BitCount => bitCount;

    /// <summary>The largest code.</summary>
    public int MaxCode => (1 << bitCount) - 1;

    public int KeyRowSize => KvGeometry.BlockTokenCount * bitCount / 8;

    public int ValueRowSize => geometry.HeadSize * bitCount / 8;

    public int HeadSizeBytes => 2 * (geometry.HeadSize + CodesSize);

    public int Size => SharedSize + (geometry.KvHeadCount * HeadSizeBytes);

    public int KeyChannelScales(int kvHead) => SharedSize + (kvHead * HeadSizeBytes);

    public int KeyCodes(int kvHead) => KeyChannelScales(kvHead) + geometry.HeadSize;

    public int ValueChannelScales(int kvHead) => KeyCodes(kvHead) + CodesSize;

    public int ValueCodes(int kvHead) => ValueChannelScales(kvHead) + geometry.HeadSize;
}
