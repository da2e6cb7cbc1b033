namespace KvCluster.CommandLine.Bench.Store;

/// <summary>Medians of <see cref="MemoryBenchmark"/>, in MB/s (10^6) and ms; over slab streams and over gRPC; Redis is NaN where there is none.</summary>
internal sealed record MemoryBenchmarkResult(
    double PutMBps, double GetMBps, double RedisSetMBps, double RedisGetMBps, double SocketMBps, double GrpcPutMBps, double GrpcGetMBps, double LatencyMedianMs,
    double LatencyP99Ms);
