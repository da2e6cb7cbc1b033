namespace KvCluster.Compression.Blocks;

/// <summary>Shape of a model's KV cache.</summary>
/// <param name="LayerCount">Layers.</param>
/// <param name="KvHeadCount">KV heads a layer.</param>
/// <param name="HeadSize">Channels of a head, of K as of V.</param>
public sealed record KvGeometry(int LayerCount, int KvHeadCount, int HeadSize)
{
    /// <summary>Tokens of a full Block.</summary>
    public const int BlockTokenCount = 64;

    /// <summary>Channels of K (or of V) of one token in one layer.</summary>
    public int ChannelCount => KvHeadCount * HeadSize;

    /// <summary>16-bit values of K and V of one layer of a full Block; also the length of an open block's layer.</summary>
    public int OpenLayerLength => 2 * BlockTokenCount * ChannelCount;

    /// <summary>Bytes of K and V of one token in 16 bits, all layers: what ratios are measured against.</summary>
    public int TokenSizeBytes => 2 * 2 * ChannelCount * LayerCount;
}
