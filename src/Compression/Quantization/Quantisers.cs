using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>Builds the quantisers that specs name.</summary>
internal static class Quantisers
{
    /// <summary><c>raw</c> as a stage.</summary>
    public static LayerQuantiser Half(StageContext context) => new HalfQuantiser(context.Shape, context.Path);

    /// <summary><c>int8</c>, <c>int4</c>: channel-separable tokenwise.</summary>
    public static LayerQuantiser Int(StageContext context, int bitCount)
    {
        TokenSegment[] segments = [new(0, KvGeometry.BlockTokenCount, bitCount)];
        return new SegmentedQuantiser(
            new TokenwiseKeys(context.Shape, segments, isSeparable: true, context.Path),
            new TokenwiseValues(context.Shape, segments, isSeparable: true, context.Path));
    }
}
