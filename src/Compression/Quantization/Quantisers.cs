using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>Builds the quantisers that specs name.</summary>
internal static class Quantisers
{
    private const int Tokens = KvGeometry.BlockTokenCount;
    private const int SegmentMultiple = 16;

    /// <summary><c>raw</c> as a stage.</summary>
    public static LayerQuantiser Half(StageContext context) => new HalfQuantiser(context.Shape, context.Path);

    /// <summary><c>int8</c> to <c>int2</c>: tokenwise, channel-separable unless <c>channels=plain</c>.</summary>
    public static LayerQuantiser Int(StageContext context, int bitCount)
    {
        bool isSeparable = context.Parameters.OneOf("channels", "separable", "separable", "plain") == "separable";
        TokenSegment[] segments = [new(0, Tokens, bitCount)];
        return new SegmentedQuantiser(
            new TokenwiseKeys(context.Shape, segments, isSeparable, context.Path),
            new TokenwiseValues(context.Shape, segments, isSeparable, context.Path),
            selection: null);
    }

    /// <summary><c>kivi2</c>, <c>kivi4</c> (arXiv 2402.02750): K per channel in groups of tokens, V per token in groups of channels.</summary>
    public static LayerQuantiser Kivi(StageContext context, int bitCount)
    {
        int group = context.Parameters.OneOf("group", 32, 32, 64);
        TokenSegment[] segments = [.. Enumerable.Range(0, Tokens / group).Select(i => new TokenSegment(i * group, group, bitCount))];
        return new SegmentedQuantiser(
            new ChannelwiseKeys(context.Shape, segments, context.Path),
            new GroupedValues(context.Shape, group, bitCount, context.Path),
            selection: null);
    }

    /// <summary><c>kcvt2</c>, <c>kcvt4</c> (GEAR, arXiv 2403.05527): K per channel over the Block, V per token over all channels.</summary>
    public static LayerQuantiser Kcvt(StageContext context, int bitCount)
    {
        TokenSegment[] segments = [new(0, Tokens, bitCount)];
        return new SegmentedQuantiser(
            new ChannelwiseKeys(context.Shape, segments, context.Path),
            new TokenwiseValues(context.Shape, segments, isSeparable: false, context.Path),
            selection: null);
    }

    /// <summary>
    /// <c>zipcache</c> (arXiv 2405.14256): salient tokens in more bits, of V alone when <c>keybits</c> gives one width to all of K; V, and K unless
    /// <c>keys=channel</c>, channel-separable tokenwise.
    /// </summary>
    public static LayerQuantiser ZipCache(StageContext context)
    {
        var parameters = ZipCacheParameters.Of(context.Parameters);
        int count = parameters.SalientTokenCount;
        TokenSegment[] segments = [new(0, count, parameters.HighBitCount), new(count, Tokens - count, parameters.LowBitCount)];
        TokenSegment[] keySegments = parameters.KeyBitCount is { } keyBits ? [new(0, Tokens, keyBits)] : segments;
        TensorQuantiser keys = parameters.AreKeysChannelwise
            ? new ChannelwiseKeys(context.Shape, keySegments, context.Path)
            : new TokenwiseKeys(context.Shape, keySegments, isSeparable: true, context.Path);
        return new SegmentedQuantiser(
            keys,
            new TokenwiseValues(context.Shape, segments, isSeparable: true, context.Path),
            new TokenSelection(context.Shape, count, parameters.IsRandom ? (ulong)context.Layer : null));
    }

    /// <summary><c>evict</c>: salient tokens in 16 bits, the others not at all; the baseline of eviction.</summary>
    public static LayerQuantiser Evict(StageContext context) => new EvictionQuantiser(
        context.Shape, new TokenSelection(context.Shape, TokenCount(context.Parameters.Number("keep", 0.25, 0, 1)), seed: null), context.Path);

    /// <summary><c>waterfill</c>: bits by latent channel, from the Profile.</summary>
    public static LayerQuantiser Waterfill(StageContext context)
    {
        try
        {
            return new WaterfillQuantiser(
                context.Shape, [.. context.Profile!.Groups.Select(group => (group.KeyBits, group.ValueBits))], context.Path);
        }
        catch (ArgumentException error)
        {
            throw context.Parameters.Fail($"its Profile does not share out bits, in layer {context.Layer}: {error.Message}");
        }
    }

    /// <summary>A share of a Block in tokens: one, two or three quarters.</summary>
    internal static int TokenCount(double share) =>
        SegmentMultiple * Math.Clamp((int)Math.Round(share * Tokens / SegmentMultiple, MidpointRounding.AwayFromZero), 1, (Tokens / SegmentMultiple) - 1);
}
