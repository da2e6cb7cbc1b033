using System.CommandLine;
using KvCluster.CommandLine.Bench.Store;
using KvCluster.CommandLine.Terminal;
using KvCluster.KvStore.Disk.Measurement;
using Spectre.Console;

namespace KvCluster.CommandLine.Bench;

/// <summary><c>kvcluster bench store</c>.</summary>
internal static class StoreBenchCommand
{
    private const string About = """
        Measures the KvStore's tiers beside peers in the same run: memory, over slab streams (Unix socket, TCP) and gRPC, beside redis-server and a
        bare socket, each over both; disk beside a plain file and fio in the same folder, and a restart. Peers that are not installed are left out.

        Examples:
          kvcluster bench store
          kvcluster bench store --measure memory
          kvcluster bench store --data /mnt/nvme --block-kib 4096 --blocks 256
        """;

    public static Command Create()
    {
        Option<string> data = new("--data") { HelpName = "DIR", Description = "Where to write (default: the folder for temporary files)", DefaultValueFactory = _ => Path.GetTempPath() };
        Option<int> size = new("--block-kib") { HelpName = "N", Description = "Size of a block on disk", DefaultValueFactory = _ => 1024 };
        Option<int> slabSize = new("--slab-kib") { HelpName = "N", Description = "Size of a slab, of which a block has as many as fit; 1 MiB in memory", DefaultValueFactory = _ => 32 };
        Option<int> blocks = new("--blocks") { HelpName = "N", Description = "Blocks of a round", DefaultValueFactory = _ => 512 };
        Option<int> rounds = new("--rounds") { HelpName = "N", Description = "Rounds, of which the median counts", DefaultValueFactory = _ => 5 };
        Option<int> restart = new("--restart-blocks") { HelpName = "N", Description = "Small blocks on disk at the restart", DefaultValueFactory = _ => 100_000 };
        Option<string[]> measure = new("--measure") { HelpName = "memory|disk", Description = "What to measure; may be repeated", DefaultValueFactory = _ => ["memory", "disk"] };
        measure.AcceptOnlyFromAmong("memory", "disk");
        var command = new Command("store", About) { measure, data, size, slabSize, blocks, rounds, restart };
        foreach (Option<int> option in new[] { size, slabSize, blocks, rounds, restart })
        {
            option.AtLeast(1);
        }

        slabSize.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() > MemoryBenchmarkOptions.LatencyBlockSizeBytes >> 10)
            {
                result.AddError($"--slab-kib must be at most {MemoryBenchmarkOptions.LatencyBlockSizeBytes >> 10}");
            }
        });

        command.SetAction(async (parsed, cancellationToken) =>
        {
            string[] wanted = parsed.GetRequiredValue(measure);
            if (wanted.Contains("memory"))
            {
                MemoryTable.Write(await new MemoryBenchmark(new MemoryBenchmarkOptions { SlabSizeBytes = parsed.GetRequiredValue(slabSize) << 10 }, new StandardErrorProgress()).RunAsync(cancellationToken));
            }

            if (!wanted.Contains("disk"))
            {
                return ExitCode.Done;
            }

            var options = new DiskBenchmarkOptions
            {
                Folder = parsed.GetRequiredValue(data),
                LayerCount = Math.Max(1, parsed.GetRequiredValue(size) / parsed.GetRequiredValue(slabSize)),
                SlabSizeBytes = parsed.GetRequiredValue(slabSize) << 10,
                BlockCount = parsed.GetRequiredValue(blocks),
                RoundCount = parsed.GetRequiredValue(rounds),
                RestartBlockCount = parsed.GetRequiredValue(restart),
            };
            Write(AnsiConsole.Console, options, await DiskBenchmark.RunAsync(options, new StandardErrorProgress()));
            return ExitCode.Done;
        });
        return command;
    }

    private static void Write(IAnsiConsole console, DiskBenchmarkOptions options, DiskBenchmarkResult result)
    {
        Console.WriteLine($"blocks of {options.LayerCount * options.SlabSizeBytes >> 10} KiB, {options.BlockCount} a round, medians of {options.RoundCount} rounds");
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(new TableColumn("measure"), new TableColumn("disk tier, MB/s").RightAligned(), new TableColumn("plain file, MB/s").RightAligned(), new TableColumn("ratio").RightAligned(),
            new TableColumn("fio, MB/s").RightAligned(), new TableColumn("ratio").RightAligned());
        Row("sequential put, fsync at the end", result.PutMBps, result.FileWriteMBps, result.FioWriteMBps);
        Row("random get, one at a time, from the device", result.GetMBps, result.FileReadMBps, result.FioReadMBps);
        Row("random get, one at a time, page cache", result.CachedGetMBps, result.CachedFileReadMBps, double.NaN);
        console.Write(table);
        Console.WriteLine(
            $"restart with {result.RestartBlockCount:N0} blocks: {result.Restart.TotalSeconds:0.00} s to the first block; "
            + $"{result.ScanRestart.TotalSeconds:0.00} s when no segment has a footer");

        void Row(string measure, double tier, double file, double fio) => table.AddRow(
            measure, tier.ToString("N0"), file.ToString("N0"), (tier / file).ToString("0.00"),
            double.IsNaN(fio) ? "-" : fio.ToString("N0"), double.IsNaN(fio) ? "-" : (tier / fio).ToString("0.00"));
    }
}
