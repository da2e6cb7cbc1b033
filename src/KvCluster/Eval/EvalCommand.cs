using System.CommandLine;
using System.Text.Json;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.CommandLine.Eval.Reports;
using KvCluster.CommandLine.Terminal;
using Spectre.Console;

namespace KvCluster.CommandLine.Eval;

/// <summary><c>kvcluster eval</c>.</summary>
internal static class EvalCommand
{
    private const string About = """
        Measures accuracy and bytes of each codec, side by side, through prefill, slabs, store and decode.
        'raw' (16 bit) always comes first.

        Examples:
          kvcluster eval --data models/demo/eval.jsonl --kv int8 --kv int4
          kvcluster eval --data models/demo/eval.jsonl --kv int4 --limit 10 --json report.json --html report.html
          kvcluster eval --data models/demo/eval.jsonl --kv "auto(accuracy=0.99)"   the smallest codec that keeps 99 % of raw
          kvcluster eval --data models/demo/eval.jsonl --kv int4 --second on        a second question about each document
        """;

    public static Command Create()
    {
        Option<string> data = new("--data") { HelpName = "FILE", Description = "JSON lines of task, prompt, answer and reference", Required = true };
        Option<string[]> kv = new("--kv") { HelpName = "SPEC", Description = "A codec to measure, or auto(accuracy=0.99); may be repeated" };
        Option<int?> limit = new("--limit") { HelpName = "N", Description = "Most prompts of each task" };
        Option<int> diagnose = new("--diagnose") { HelpName = "N", Description = "Prompts of each task on which KL, attention errors and times are measured; 0: none", DefaultValueFactory = _ => 2 };
        Option<string?> second = new("--second") { HelpName = "on|FILE", Description = "Asks a second question about each document over the reused prefix: made from the document, or rows of a file" };
        Option<bool> details = new("--details") { Description = "Also shows attention errors of every layer" };
        Option<string?> json = new("--json") { HelpName = "FILE", Description = "Saves the report as JSON, after each codec" };
        Option<string?> html = new("--html") { HelpName = "FILE", Description = "Saves the report with its plot as HTML" };
        Option<string?> model = ModelOption.Create();
        Option<string> backend = BackendOption.Create();
        limit.AtLeast(1);
        diagnose.AtLeast(0);
        var command = new Command("eval", About) { data, kv, limit, diagnose, second, details, json, html, model, backend };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string[] specs = parsed.GetValue(kv) ?? [];
            foreach (string spec in specs.Where(spec => AutoSpec.TryParse(spec) is null))
            {
                KvOption.Canonical(spec);
            }

            var options = new EvalOptions
            {
                Data = parsed.GetRequiredValue(data),
                Specs = specs,
                ModelFolder = ModelOption.Resolve(parsed.GetValue(model)),
                Backend = parsed.GetRequiredValue(backend),
                Limit = parsed.GetValue(limit),
                DiagnosedRows = parsed.GetValue(diagnose),
                Second = parsed.GetValue(second),
            };
            EvalReport report = await RunAsync(
                options, report => SaveAsync(report, parsed.GetValue(json), parsed.GetValue(html), cancellationToken), cancellationToken);
            Print(report, parsed.GetValue(details));
            return ExitCode.Done;
        });
        return command;
    }

    private static Task<EvalReport> RunAsync(EvalOptions options, Func<EvalReport, Task> save, CancellationToken cancellationToken) =>
        Progress().StartAsync(async progress =>
        {
            using var run = new EvalRun(
                options,
                (name, count) =>
                {
                    ProgressTask bar = progress.AddTask(Markup.Escape(name), maxValue: count);
                    return () => bar.Increment(1);
                },
                cancellationToken);
            return await run.RunAsync(save);
        });

    private static void Print(EvalReport report, bool details)
    {
        TextReport.Write(Console.Out, report, details);
        foreach (AutoChoice choice in report.Auto)
        {
            Console.WriteLine(AutoLine.Of(choice));
        }
    }

    private static async Task SaveAsync(EvalReport report, string? json, string? html, CancellationToken cancellationToken)
    {
        if (json is not null)
        {
            await File.WriteAllTextAsync(json, JsonSerializer.Serialize(report, EvalJson.Default.EvalReport), cancellationToken);
        }

        if (html is not null)
        {
            await File.WriteAllTextAsync(html, HtmlReport.Write(report), cancellationToken);
        }
    }

    /// <summary>Bars go to stderr, so that the tables on stdout can be piped.</summary>
    private static Progress Progress()
    {
        IAnsiConsole errors = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return new Progress(errors).Columns(
            new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn());
    }
}
