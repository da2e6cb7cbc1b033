namespace KvCluster.CommandLine.Bench.Handover;

/// <summary>What <see cref="HandoverBenchmark"/> measures.</summary>
internal sealed record HandoverBenchOptions
{
    public required string ModelFolder { get; init; }

    public required string KvSpec { get; init; }

    /// <summary>Speed of each direction of the link between workers and store.</summary>
    public double BitsPerSecond { get; init; } = 1e9;

    public int PromptTokenCount { get; init; } = 4096;

    /// <summary>Prompts of each measurement, of which the median counts.</summary>
    public int RoundCount { get; init; } = 5;
}
