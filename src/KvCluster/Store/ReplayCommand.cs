using System.CommandLine;
using System.Text.Json;
using KvCluster.CommandLine.Terminal;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Traces;
using KvCluster.KvStore.Traces.Generation;
using Spectre.Console;

namespace KvCluster.CommandLine.Store;

/// <summary><c>kvcluster store replay</c>.</summary>
internal static class ReplayCommand
{
    private const string About = """
        Replays a trace of requests against the memory tier's eviction policies, without a model, and says how much of the prompts each capacity,
        policy and codec finds. The format of traces is in docs/traces.md.

        Examples:
          kvcluster store replay requests.jsonl --capacity 16GiB,64GiB --shape 32x8x128 --kv raw --kv zipcache
          kvcluster store replay --generate mix --requests 20000
          kvcluster store replay --generate chat --write chat.jsonl
        """;

    public static Command Create()
    {
        Argument<string?> file = new("FILE") { Description = "The trace, as JSON lines", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> generate = new("--generate") { HelpName = "KIND", Description = $"Makes a trace instead: {string.Join(", ", TraceKinds.Names)}" };
        Option<int> requests = new("--requests") { HelpName = "N", Description = "Requests of a generated trace", DefaultValueFactory = _ => 10_000 };
        Option<int> seed = new("--seed") { HelpName = "N", Description = "Of a generated trace", DefaultValueFactory = _ => 1 };
        Option<string?> write = new("--write") { HelpName = "FILE", Description = "Writes the generated trace there and replays nothing" };
        Option<string> capacity = new("--capacity") { HelpName = "SIZE,…", Description = "Memory budgets", DefaultValueFactory = _ => "1GiB,4GiB,16GiB" };
        Option<string> policy = new("--policy") { HelpName = "NAME,…", Description = $"Eviction policies: {string.Join(", ", EvictionPolicies.Names)}, or all", DefaultValueFactory = _ => "all" };
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "Codecs of the blocks (default: raw and zipcache)", DefaultValueFactory = _ => ["raw", "zipcache"] };
        Option<string?> shape = new("--shape") { HelpName = "LxHxD", Description = "Layers, KV heads and head size, instead of a model's" };
        Option<string?> model = ModelOption.Create();
        Option<string?> json = new("--json") { HelpName = "FILE", Description = "Writes everything there too" };
        var command = new Command("replay", About) { file, generate, requests, seed, write, capacity, policy, kv, shape, model, json };
        requests.AtLeast(1);
        command.SetAction(parsed =>
        {
            (string name, IReadOnlyList<TraceRequest> trace) = Trace(
                parsed.GetValue(file), parsed.GetValue(generate), parsed.GetRequiredValue(requests), parsed.GetRequiredValue(seed));
            if (parsed.GetValue(write) is { } path)
            {
                using var output = new StreamWriter(path);
                TraceFile.Write(output, trace);
                return ExitCode.Done;
            }

            using ReplayBlockSize sizes = ReplayBlockSize.Open(parsed.GetValue(model), parsed.GetValue(shape));
            ReplayReport report = ReplayRun.Run(
                name,
                trace,
                [.. parsed.GetRequiredValue(kv).Select(KvOption.Canonical).Distinct().Select(spec => (spec, sizes.BlockBytes(spec)))],
                Capacities(parsed.GetRequiredValue(capacity)),
                Policies(parsed.GetRequiredValue(policy)));
            Write(AnsiConsole.Console, report, sizes.Subject);
            if (parsed.GetValue(json) is { } jsonPath)
            {
                File.WriteAllText(jsonPath, JsonSerializer.Serialize(report, ReplayJson.Default.ReplayReport));
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static (string Name, IReadOnlyList<TraceRequest> Trace) Trace(string? file, string? kind, int requestCount, int seed)
    {
        if ((file is null) == (kind is null))
        {
            throw new BadArgumentException("store replay: name a trace FILE, or --generate one");
        }

        if (file is not null)
        {
            return (file, [.. TraceFile.Read(file)]);
        }

        return TraceKinds.Names.Contains(kind!)
            ? ($"{kind}, seed {seed}", TraceKinds.Generate(kind!, requestCount, seed))
            : throw new BadArgumentException($"--generate: must be one of {string.Join(", ", TraceKinds.Names)}, not '{kind}'");
    }

    private static long[] Capacities(string text) => [.. text.Split(',').Select(size => ByteSize.TryParse(size.Trim(), out long bytes)
        ? bytes
        : throw new BadArgumentException($"--capacity: '{size}' is not a size such as 512MiB or 16GB"))];

    private static IReadOnlyList<string> Policies(string text) => text == "all" ? EvictionPolicies.Names : [.. text.Split(',').Select(name =>
        EvictionPolicies.Names.Contains(name.Trim())
            ? name.Trim()
            : throw new BadArgumentException($"--policy: must be all, or of {string.Join(", ", EvictionPolicies.Names)}, not '{name}'"))];

    private static void Write(IAnsiConsole console, ReplayReport report, string subject)
    {
        Console.WriteLine(
            $"{report.Trace}: {report.RequestCount:N0} requests, {report.PromptBlockCount:N0} prompt blocks, {report.DistinctBlockCount:N0} different blocks; "
            + $"with room for all {report.BestHitRate:P1} of the prompts is found");
        Console.WriteLine($"{subject}; found as a prefix (held at all), % of prompt blocks");
        string[] policies = [.. report.Rows.Select(row => row.Policy).Distinct()];
        var table = new Table { Border = TableBorder.Markdown };
        table.AddColumn("capacity");
        table.AddColumn(new TableColumn("codec").NoWrap());
        table.AddColumn(new TableColumn("blocks").RightAligned());
        foreach (string policy in policies)
        {
            table.AddColumn(new TableColumn(policy).RightAligned());
        }

        foreach (ReplayRow[] rows in report.Rows.Chunk(policies.Length))
        {
            table.AddRow([
                ByteSize.Format(rows[0].CapacityBytes),
                $"`{rows[0].KvSpec}`",
                $"{rows[0].CapacityBytes / rows[0].BlockBytes:N0}",
                .. rows.Select(row => $"{100 * row.PrefixHitRate:N1} ({100 * row.ByteHitRate:N1})")]);
        }

        console.Write(table);
    }
}
