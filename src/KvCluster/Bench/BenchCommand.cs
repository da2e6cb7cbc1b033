using System.CommandLine;
using KvCluster.CommandLine.Bench.Handover;
using KvCluster.CommandLine.Bench.Pools;

namespace KvCluster.CommandLine.Bench;

/// <summary><c>kvcluster bench</c>.</summary>
internal static class BenchCommand
{
    public static Command Create() => new("bench", "Measures speed on this machine.")
    {
        EngineBenchCommand.Create(),
        LoadBenchCommand.Create(),
        StoreBenchCommand.Create(),
        HandoverBenchCommand.Create(),
        PoolsBenchCommand.Create(),
    };
}
