using System.CommandLine;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using Spectre.Console;

namespace KvCluster.CommandLine.Bench;

/// <summary><c>kvcluster bench load</c>.</summary>
internal static class LoadBenchCommand
{
    private const string About = """
        Loads a cluster with one client, then with many, and compares: throughput, time to first token, time between tokens.
        Prompts are taken in turn from an evaluation file, so both runs see the same mix of tasks and no prompt twice.

        Examples:
          kvcluster bench load --data models/demo/eval.jsonl
          kvcluster bench load --data models/demo/eval.jsonl --clients 64 --requests 512 --server http://127.0.0.1:8081
        """;

    public static Command Create()
    {
        Option<string> data = new("--data") { HelpName = "FILE", Description = "JSON lines with prompts", Required = true };
        Option<int> clients = new("--clients") { HelpName = "N", Description = "Clients at once in the second run", DefaultValueFactory = _ => 32 };
        Option<int> requests = new("--requests") { HelpName = "N", Description = "Requests of the second run; the first has a quarter", DefaultValueFactory = _ => 128 };
        Option<string?> model = ModelOption.Create();
        Option<string> kv = KvOption.Create();
        Option<string?> server = ServerOption.Create();
        var command = new Command("load", About) { data, clients, requests, model, kv, server };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            List<EvalRow> rows = EvalFile.Read(parsed.GetRequiredValue(data), null);
            string? address = parsed.GetValue(server);
            var embedded = new ClusterOptions
            {
                ModelFolder = address is null ? ModelOption.Resolve(parsed.GetValue(model)) : "",
                KvSpec = KvOption.Canonical(parsed.GetRequiredValue(kv)),
            };
            await using Connection connection = await Connection.OpenAsync(address, embedded, cancellationToken);
            var load = new LoadGenerator(connection.Inference, PromptMix.Requests(PromptMix.Interleave(rows)));
            int manyRequests = parsed.GetRequiredValue(requests);
            int manyClients = parsed.GetRequiredValue(clients);
            // Both runs meet compiled code: batches take other paths than a single sequence.
            await load.RunAsync(manyClients, 2 * manyClients, cancellationToken);
            LoadResult one = await load.RunAsync(1, Math.Max(1, manyRequests / 4), cancellationToken);
            LoadResult all = await load.RunAsync(manyClients, manyRequests, cancellationToken);
            LoadTable.Write(AnsiConsole.Console, one, all);
            return one.FailedCount + all.FailedCount == 0 ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }
}
