namespace KvCluster.CommandLine.Bench.Store;

/// <summary>What <see cref="MemoryBenchmark"/> measures.</summary>
internal sealed record MemoryBenchmarkOptions
{
    /// <summary>Of a block of the latency measurement, about.</summary>
    public const int LatencyBlockSizeBytes = 256 << 10;

    public int SlabSizeBytes { get; init; } = 32 << 10;

    /// <summary>Slabs of a block: 1 MiB in all.</summary>
    public int SlabCount => (1 << 20) / SlabSizeBytes;

    /// <summary>Blocks of a round.</summary>
    public int BlockCount { get; init; } = 256;

    /// <summary>Blocks asked for, or put, with one call; as many values are pipelined to Redis.</summary>
    public int CallBlockCount { get; init; } = 16;

    /// <summary>Calls at a time.</summary>
    public int CallCount { get; init; } = 2;

    /// <summary>Rounds, of which the median counts.</summary>
    public int RoundCount { get; init; } = 7;

    public int LatencySlabCount => LatencyBlockSizeBytes / SlabSizeBytes;

    /// <summary>Gets of the latency measurement.</summary>
    public int LatencyGetCount { get; init; } = 2000;
}
