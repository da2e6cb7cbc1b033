namespace KvCluster.CommandLine.Bench.Store;

/// <summary>What <see cref="MemoryBenchmark"/> measured.</summary>
/// <param name="Rates">Medians, in the order in which they are shown.</param>
/// <param name="Latencies">Of gets under load.</param>
internal sealed record MemoryBenchmarkResult(IReadOnlyList<TransferRate> Rates, IReadOnlyList<GetLatency> Latencies);

/// <summary>Milliseconds of one get over a transport.</summary>
internal readonly record struct GetLatency(string Name, double MedianMs, double P99Ms);

/// <summary>MB/s (10^6) of blocks both ways; NaN where it could not be measured.</summary>
internal readonly record struct TransferRate(string Name, double PutMBps, double GetMBps)
{
    public const string RedisOverTcp = "redis-server, TCP";
    public const string RedisOverUnix = "redis-server, Unix socket";
    public const string BareTcp = "bare socket, TCP";
    public const string BareUnix = "bare socket, Unix";
}
