namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>What <see cref="EngineBenchmark"/> found; rates are of the best round.</summary>
public sealed record EngineBenchmarkResult
{
    /// <summary>Threads that computed.</summary>
    public required int WorkerCount { get; init; }

    public required double PeakFmaGflops { get; init; }

    public required double PeakBandwidthGBps { get; init; }

    /// <summary>One row for each codec spec, in the order asked for.</summary>
    public required IReadOnlyList<CodecBenchmarkResult> Codecs { get; init; }

    /// <summary>Resident memory of the process with the memory context cached in the first spec; 0 when left out.</summary>
    public required long ResidentSizeBytes { get; init; }
}
