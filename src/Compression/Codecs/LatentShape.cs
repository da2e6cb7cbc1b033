using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// The channels of one layer that a quantiser sees: per latent head K as [channel][64 tokens], then V as [64 tokens][channel], in 32-bit
/// floats. Without a projector the latent heads are the model's KV heads.
/// </summary>
internal sealed class LatentShape
{
    private readonly int[] _keySizes;
    private readonly int[] _valueSizes;
    private readonly int[] _offsets;
    private readonly int[] _keyStarts;

    /// <param name="heads">Channels of K and of V by latent head; all multiples of 16.</param>
    public LatentShape(IReadOnlyList<(int KeySize, int ValueSize)> heads)
    {
        _keySizes = [.. heads.Select(head => head.KeySize)];
        _valueSizes = [.. heads.Select(head => head.ValueSize)];
        _offsets = new int[heads.Count];
        _keyStarts = new int[heads.Count];
        for (int head = 0; head < heads.Count; head++)
        {
            _offsets[head] = Length;
            _keyStarts[head] = KeyChannelCount;
            KeyChannelCount += _keySizes[head];
            ValueChannelCount += _valueSizes[head];
            Length += KvGeometry.BlockTokenCount * (_keySizes[head] + _valueSizes[head]);
        }
    }

    public int HeadCount => _offsets.Length;

    /// <summary>Floats of the whole layer.</summary>
    public int Length { get; }

    /// <summary>Channels of K, all heads.</summary>
    public int KeyChannelCount { get; }

    /// <summary>Channels of V, all heads.</summary>
    public int ValueChannelCount { get; }

    public static LatentShape Plain(KvGeometry geometry) =>
        new([.. Enumerable.Repeat((geometry.HeadSize, geometry.HeadSize), geometry.KvHeadCount)]);

    public int KeySize(int head) => _keySizes[head];

    public int ValueSize(int head) => _valueSizes[head];

    /// <summary>Channels of K in the heads before one.</summary>
    public int KeyChannelStart(int head) => _keyStarts[head];

    /// <summary>Where the K of a head begins, in floats.</summary>
    public int KeyOffset(int head) => _offsets[head];

    /// <summary>Where the V of a head begins, in floats.</summary>
    public int ValueOffset(int head) => _offsets[head] + (KvGeometry.BlockTokenCount * _keySizes[head]);
}
