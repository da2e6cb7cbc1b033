namespace KvCluster.Compression.Blocks;

/// <summary>What a slab's header says, without magic, version and checksums. Byte table: docs/slab-format.md.</summary>
public readonly record struct SlabHeader
{
    public required SlabLayout Layout { get; init; }
    public required ulong ModelFingerprint { get; init; }
    public required ulong CodecFingerprint { get; init; }
    public required BlockId BlockId { get; init; }
    public required int Layer { get; init; }

    /// <summary>Position in the Sequence of the Block's first token.</summary>
    public required int FirstPosition { get; init; }

    /// <summary>64, or fewer for a Tail.</summary>
    public required int TokenCount { get; init; }

    public required int KvHeadCount { get; init; }
    public required int HeadSize { get; init; }

    /// <summary>Incarnation of the Worker that wrote the slab.</summary>
    public required ulong WriterEpoch { get; init; }

    public required int PayloadSizeBytes { get; init; }
}
