namespace KvCluster.CommandLine.Bench.Store;

/// <summary>What <see cref="MemoryBenchmark"/> measures.</summary>
internal sealed record MemoryBenchmarkOptions
{
    public int SlabSizeBytes { get; init; } = 32 << 10;

    /// <summary>Slabs of a block: 1 MiB in all.</summary>
    public int SlabCount { get; init; } = 32;

    /// <summary>Blocks of a round.</summary>
    public int BlockCount { get; init; } = 256;

    /// <summary>Blocks asked for, or put, with one call; as many values are pipelined to Redis.</summary>
    public int CallBlockCount { get; init; } = 16;

    /// <summary>Calls at a time.</summary>
    public int CallCount { get; init; } = 2;

    /// <summary>Rounds, of which the median counts.</summary>
    public int RoundCount { get; init; } = 7;

    /// <summary>Slabs of a block of the latency measurement: 256 KiB.</summary>
    public int LatencySlabCount { get; init; } = 8;

    /// <summary>Gets of the latency measurement.</summary>
    public int LatencyGetCount { get; init; } = 2000;
}
