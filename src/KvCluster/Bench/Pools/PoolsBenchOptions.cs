using KvCluster.CommandLine.Serve;

namespace KvCluster.CommandLine.Bench.Pools;

/// <summary>What <see cref="PoolsBenchmark"/> measures.</summary>
internal sealed record PoolsBenchOptions
{
    /// <summary>Model, backend and the way of the hand-over; the codec is filled in.</summary>
    public required ClusterOptions Cluster { get; init; }

    /// <summary>GPUs of the prefill and of the decode worker. Both workers are on the first GPU in the run that this is compared with.</summary>
    public required IReadOnlyList<int> Devices { get; init; }

    /// <summary>Speeds of each direction of links between workers and store, after a run without any.</summary>
    public required IReadOnlyList<double> BitsPerSecond { get; init; }

    public int PromptTokenCount { get; init; } = 4096;

    /// <summary>Tokens of each answer under load.</summary>
    public int AnswerTokenCount { get; init; } = 128;

    /// <summary>Of answers under load; 0: greedy.</summary>
    public float Temperature { get; init; }

    /// <summary>Clients at once.</summary>
    public int ClientCount { get; init; } = 16;

    /// <summary>Requests under load.</summary>
    public int RequestCount { get; init; } = 64;

    /// <summary>Prompts that are asked alone, of which the median counts.</summary>
    public int RoundCount { get; init; } = 5;
}
