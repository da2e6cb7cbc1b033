using System.CommandLine;
using System.Text.Json;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Terminal;
using KvCluster.Compression.Blocks;
using KvCluster.Inference.Models;
using Spectre.Console;

namespace KvCluster.CommandLine.Eval;

/// <summary><c>kvcluster eval</c>.</summary>
internal static class EvalCommand
{
    private const string Baseline = "raw";

    private const string About = """
        Measures accuracy and bytes of each codec, side by side, through prefill, slabs, store and decode.
        'raw' (16 bit) always comes first.

        Examples:
          kvcluster eval --data models/demo/eval.jsonl --kv int8 --kv int4
          kvcluster eval --data models/demo/eval.jsonl --kv int4 --limit 10 --json report.json
        """;

    public static Command Create()
    {
        Option<string> data = new("--data") { HelpName = "FILE", Description = "JSON lines of task, prompt, answer and reference", Required = true };
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "A codec to measure; may be repeated" };
        Option<int?> limit = new("--limit") { HelpName = "N", Description = "Most prompts of each task" };
        Option<string?> json = new("--json") { HelpName = "FILE", Description = "Saves the report as JSON" };
        Option<string?> model = ModelOption.Create();
        limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int?>() < 1)
            {
                result.AddError("--limit: must be at least 1");
            }
        });
        var command = new Command("eval", About) { data, kv, limit, json, model };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            parsed.GetRequiredValue(data),
            parsed.GetValue(kv) ?? [],
            parsed.GetValue(limit),
            parsed.GetValue(json),
            ModelOption.Resolve(parsed.GetValue(model)),
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        string data, string[] specs, int? limit, string? json, string modelFolder, CancellationToken cancellationToken)
    {
        string[] all = [.. specs.Prepend(Baseline).Select(KvOption.Canonical).Distinct()];
        List<EvalRow> rows = EvalFile.Read(data, limit);
        int rawBytesPerToken = RawBytesPerToken(modelFolder);
        List<SpecResult> results = [];
        await Progress().StartAsync(async progress =>
        {
            ProgressTask[] bars = [.. all.Select(spec => progress.AddTask(Markup.Escape(spec), autoStart: false, maxValue: rows.Count))];
            for (int i = 0; i < all.Length; i++)
            {
                ProgressTask bar = bars[i];
                bar.StartTask();
                // Nothing is prefilled by the decode worker, so that every prompt's KV goes through slabs and store.
                var cluster = new ClusterOptions { ModelFolder = modelFolder, KvSpec = all[i], LocalPrefillMaxTokens = 0 };
                results.Add(await SpecEvaluator.RunAsync(cluster, rows, rawBytesPerToken, () => bar.Increment(1), cancellationToken));
                bar.StopTask();
            }
        });

        var report = new EvalReport
        {
            Data = Path.GetFileName(data),
            Model = Path.GetFileName(Path.TrimEndingDirectorySeparator(modelFolder)),
            RawBytesPerToken = rawBytesPerToken,
            Specs = results,
        };
        EvalTable.Write(AnsiConsole.Console, report);
        if (json is not null)
        {
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, EvalJson.Default.EvalReport), cancellationToken);
        }

        return ExitCode.Done;
    }

    private static int RawBytesPerToken(string modelFolder)
    {
        using ModelFolder folder = ModelFolder.Open(modelFolder);
        return new KvGeometry(folder.Config.LayerCount, folder.Config.KvHeadCount, folder.Config.HeadSize).TokenSizeBytes;
    }

    /// <summary>Bars go to stderr, so that the table on stdout can be piped.</summary>
    private static Progress Progress()
    {
        IAnsiConsole errors = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return new Progress(errors).Columns(
            new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn());
    }
}
