using Spectre.Console;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>The memory tier's figures beside its peers'.</summary>
internal static class MemoryTable
{
    public static void Write(MemoryBenchmarkResult result)
    {
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns("blocks of 1 MiB over loopback, MB/s", "slab streams", "redis-server", "ratio", "bare socket", "ratio", "gRPC");
        Row("put", result.PutMBps, result.RedisSetMBps, result.GrpcPutMBps);
        Row("get", result.GetMBps, result.RedisGetMBps, result.GrpcGetMBps);
        AnsiConsole.Console.Write(table);
        Console.WriteLine(
            $"get of 256 KiB under load: median {result.LatencyMedianMs:0.00} ms, p99 {result.LatencyP99Ms:0.00} ms, {result.LatencyP99Ms / result.LatencyMedianMs:0.0} times");

        void Row(string measure, double store, double redis, double grpc) => table.AddRow(
            measure, store.ToString("N0"), double.IsNaN(redis) ? "-" : redis.ToString("N0"), double.IsNaN(redis) ? "-" : (store / redis).ToString("0.0"),
            result.SocketMBps.ToString("N0"), (store / result.SocketMBps).ToString("0.00"), grpc.ToString("N0"));
    }
}
