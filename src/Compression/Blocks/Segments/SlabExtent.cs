namespace KvCluster.Compression.Blocks.Segments;

/// <summary>A run of bytes in a segment, rented or free. Sizes and offsets are multiples of 64. Guarded by the pool's lock.</summary>
internal sealed class SlabExtent(NativeSegment segment, long offset, long sizeBytes)
{
    public NativeSegment Segment { get; } = segment;

    public long Offset { get; set; } = offset;

    public long SizeBytes { get; set; } = sizeBytes;

    public bool IsFree { get; set; }

    /// <summary>The neighbour that ends where this begins.</summary>
    public SlabExtent? Before { get; set; }

    /// <summary>The neighbour that begins where this ends.</summary>
    public SlabExtent? After { get; set; }

    /// <summary>Neighbours in the list of free extents of like size.</summary>
    public SlabExtent? PreviousOfSize { get; set; }

    public SlabExtent? NextOfSize { get; set; }

    /// <summary>Neighbours in the list of free extents that may have touched pages, by when they became free.</summary>
    public SlabExtent? PreviousTouched { get; set; }

    public SlabExtent? NextTouched { get; set; }

    public bool IsListedTouched { get; set; }
}
