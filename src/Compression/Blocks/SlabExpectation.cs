namespace KvCluster.Compression.Blocks;

/// <summary>What a reader knows of the slab it asked for. A part that is null is not compared.</summary>
public readonly record struct SlabExpectation
{
    public ulong? ModelFingerprint { get; init; }
    public ulong? CodecFingerprint { get; init; }

    /// <summary>Compares KV heads and head size, and that the layer is one of the model's.</summary>
    public KvGeometry? Geometry { get; init; }

    public BlockId? BlockId { get; init; }
    public int? Layer { get; init; }
    public int? FirstPosition { get; init; }
    public int? TokenCount { get; init; }

    /// <summary>The first part in which <paramref name="header"/> differs.</summary>
    public SlabError Compare(in SlabHeader header)
    {
        if (ModelFingerprint is { } model && model != header.ModelFingerprint)
        {
            return SlabError.ForeignModel;
        }

        if (CodecFingerprint is { } codec && codec != header.CodecFingerprint)
        {
            return SlabError.ForeignCodec;
        }

        if (Geometry is { } geometry && (geometry.KvHeadCount != header.KvHeadCount || geometry.HeadSize != header.HeadSize))
        {
            return SlabError.WrongGeometry;
        }

        if (TokenCount is { } tokens && tokens != header.TokenCount)
        {
            return SlabError.WrongGeometry;
        }

        if (BlockId is { } id && id != header.BlockId)
        {
            return SlabError.WrongBlock;
        }

        if ((Layer is { } layer && layer != header.Layer) || header.Layer >= Geometry?.LayerCount)
        {
            return SlabError.WrongLayer;
        }

        return FirstPosition is { } position && position != header.FirstPosition ? SlabError.WrongPosition : SlabError.None;
    }
}
