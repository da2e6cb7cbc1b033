using System.CommandLine;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using KvCluster.Gateway.HandOffs;
using Spectre.Console;

namespace KvCluster.CommandLine.Bench.Pools;

/// <summary><c>kvcluster bench pools</c>.</summary>
internal static class PoolsBenchCommand
{
    private const string About = """
        Measures prefill on one GPU and decode on another, each worker a process of its own, KV through the KvStore over links of given speeds, beside one GPU
        that does both under the same load. First a prompt alone: time to first token, and from there to the first decoded one (the hand-over). Then many
        clients, each with a prompt that nobody knows: time to first token, time between tokens and the longest of an answer, tokens a second.

        Examples:
          kvcluster bench pools --devices 0,1 --synthetic llama3-8b --kv raw --kv int4 --gbps 10 --gbps 25 --gbps 100
          kvcluster bench pools --devices 0,1 --tokens 2048 --clients 32 --requests 128
        """;

    public static Command Create()
    {
        Option<string> devices = new("--devices") { HelpName = "LIST", Description = "GPU of the prefill and of the decode worker", DefaultValueFactory = _ => "0,1" };
        Option<double[]> gbps = new("--gbps") { HelpName = "N", Description = "Speed of the links, gigabits a second each way; may be repeated (always also without links)" };
        Option<int> tokens = Count("--tokens", "Tokens of a prompt", 4096);
        Option<int> answer = Count("--answer", "Tokens of an answer under load", 128);
        Option<float> temperature = new("--temperature") { HelpName = "T", Description = "Temperature of answers under load", DefaultValueFactory = _ => 0 };
        Option<int> clients = Count("--clients", "Clients at once", 16);
        Option<int> requests = Count("--requests", "Requests under load", 64);
        Option<int> chunk = Count("--kv-chunk", "Prompt tokens computed in one step", 512);
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "A codec to measure; may be repeated (default: raw and int4)" };
        Option<HandOffMode> handOff = new("--handoff") { HelpName = "WAY", Description = "store, direct or auto", DefaultValueFactory = _ => HandOffMode.Store };
        Option<string?> model = ModelOption.Create();
        Option<string> synthetic = SyntheticOption.Create();
        var command = new Command("pools", About) { devices, gbps, tokens, answer, temperature, clients, requests, chunk, kv, handOff, model, synthetic };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            double[] speeds = parsed.GetValue(gbps) ?? [];
            if (speeds.Any(speed => speed <= 0))
            {
                throw new BadArgumentException("--gbps: must be over 0");
            }

            var options = new PoolsBenchOptions
            {
                Cluster = new ClusterOptions
                {
                    ModelFolder = ModelOption.Resolve(parsed.GetValue(model)),
                    Backend = "cuda",
                    Synthetic = parsed.GetRequiredValue(synthetic),
                    KvChunkTokens = parsed.GetRequiredValue(chunk),
                    HandOff = parsed.GetRequiredValue(handOff),
                },
                Devices = DevicesOption.Of(parsed.GetRequiredValue(devices), "cuda", workerCount: 2),
                BitsPerSecond = [.. speeds.Select(speed => 1e9 * speed)],
                PromptTokenCount = parsed.GetRequiredValue(tokens),
                AnswerTokenCount = parsed.GetRequiredValue(answer),
                Temperature = parsed.GetRequiredValue(temperature),
                ClientCount = parsed.GetRequiredValue(clients),
                RequestCount = parsed.GetRequiredValue(requests),
            };
            string[] specs = [.. (parsed.GetValue(kv) is { Length: > 0 } named ? named : ["raw", "int4"]).Select(KvOption.Canonical)];
            var benchmark = new PoolsBenchmark(options, new StandardErrorProgress());
            var rows = new List<PoolsRow>();
            foreach (string spec in specs)
            {
                rows.AddRange(await benchmark.MeasureAsync(spec, cancellationToken));
            }

            Write(AnsiConsole.Console, options, rows);
            return rows.Sum(row => row.Load.FailedCount) == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static void Write(IAnsiConsole console, PoolsBenchOptions options, List<PoolsRow> rows)
    {
        Console.WriteLine(
            $"prompts of {options.PromptTokenCount:N0} tokens; alone: medians of {options.RoundCount}; load: {options.ClientCount} clients, {options.RequestCount} requests of {options.AnswerTokenCount} tokens");
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumns(
            "codec", "pools", "MB a prompt over links", "alone: TTFT, ms", "hand-over, ms", "load: TTFT median, ms", "p95", "TBT median, ms", "p95", "longest gap median, ms",
            "p95", "tokens/s", "prompts/s", "failed");
        foreach (PoolsRow row in rows)
        {
            table.AddRow(
                Markup.Escape(row.KvSpec), row.Pools, (row.Alone.LinkBytes / 1e6).ToString("0.0"), row.Alone.FirstTokenMs.ToString("0.0"),
                row.Alone.HandoverMs.ToString("0.0"), Ms(row.Load.TimeToFirstToken, 0.5), Ms(row.Load.TimeToFirstToken, 0.95), Ms(row.Load.TimeBetweenTokens, 0.5),
                Ms(row.Load.TimeBetweenTokens, 0.95), Ms(row.Load.LongestGap, 0.5), Ms(row.Load.LongestGap, 0.95), row.Load.GeneratedTokensPerSecond.ToString("N0"),
                row.Load.RequestsPerSecond.ToString("0.00"), $"{row.Load.FailedCount}");
        }

        console.Profile.Width = 400;
        console.Write(table);

        static string Ms(IReadOnlyList<TimeSpan> sorted, double share) => LoadResult.Percentile(sorted, share).TotalMilliseconds.ToString("0.0");
    }

    private static Option<int> Count(string name, string description, int standard) =>
        new Option<int>(name) { HelpName = "N", Description = description, DefaultValueFactory = _ => standard }.AtLeast(1);
}
