namespace KvCluster.KvStore.Disk.Measurement;

/// <summary>What <see cref="DiskBenchmark"/> measures.</summary>
public sealed record DiskBenchmarkOptions
{
    /// <summary>Where to write; everything written is deleted again.</summary>
    public required string Folder { get; init; }

    public int LayerCount { get; init; } = 32;

    /// <summary>Of one layer, header included.</summary>
    public int SlabSizeBytes { get; init; } = 32 << 10;

    /// <summary>Blocks written and read in a round.</summary>
    public int BlockCount { get; init; } = 512;

    public int RoundCount { get; init; } = 5;

    /// <summary>Small blocks of the restart.</summary>
    public int RestartBlockCount { get; init; } = 100_000;
}
