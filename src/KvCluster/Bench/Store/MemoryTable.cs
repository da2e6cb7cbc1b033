using Spectre.Console;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>The memory tier's figures beside its peers'.</summary>
internal static class MemoryTable
{
    private const int MinWidth = 170;

    public static void Write(MemoryBenchmarkResult result)
    {
        string[] peers = [TransferRate.RedisOverTcp, TransferRate.RedisOverUnix, TransferRate.BareTcp, TransferRate.BareUnix];
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(["1 MiB within a machine", "put, MB/s", "get, MB/s", .. peers.Select(peer => $"times {peer}")]);
        foreach (TransferRate rate in result.Rates)
        {
            table.AddRow([rate.Name, Figure(rate.PutMBps, "N0"), Figure(rate.GetMBps, "N0"), .. peers.Select(peer => Ratio(rate, result.Rates.First(other => other.Name == peer)))]);
        }

        AnsiConsole.Console.Profile.Width = Math.Max(AnsiConsole.Console.Profile.Width, MinWidth);
        AnsiConsole.Console.Write(table);
        foreach (GetLatency latency in result.Latencies)
        {
            Console.WriteLine(
                $"get of 256 KiB under load, {latency.Name}: median {latency.MedianMs:0.00} ms, p99 {latency.P99Ms:0.00} ms, {latency.P99Ms / latency.MedianMs:0.0} times");
        }
    }

    private static string Ratio(in TransferRate rate, in TransferRate peer) =>
        rate == peer ? "" : $"{Figure(rate.PutMBps / peer.PutMBps, "0.00")}, {Figure(rate.GetMBps / peer.GetMBps, "0.00")}";

    private static string Figure(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format);
}
