using System.CommandLine;
using KvCluster.CommandLine.Bench;
using KvCluster.CommandLine.Calibrate;
using KvCluster.CommandLine.Eval;
using KvCluster.CommandLine.Generate;
using KvCluster.CommandLine.Inspect;
using KvCluster.CommandLine.Serve;
using KvCluster.CommandLine.Store;

namespace KvCluster.CommandLine.Terminal;

/// <summary>The verbs of <c>kvcluster</c>, and how their failures reach the shell: one line on stderr and an exit code.</summary>
internal static class CommandLineApp
{
    public static async Task<int> RunAsync(string[] args)
    {
        ParseResult parsed = Build().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (string message in parsed.Errors.Select(error => error.Message).Distinct())
            {
                await Console.Error.WriteLineAsync($"kvcluster: {message}");
            }

            string verb = parsed.CommandResult.Command is RootCommand ? "" : parsed.CommandResult.Command.Name + " ";
            await Console.Error.WriteLineAsync($"Try 'kvcluster {verb}--help'.");
            return ExitCode.BadArguments;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (Exception exception) when (Failure.Describe(exception) is { } failure)
        {
            await Console.Error.WriteLineAsync($"kvcluster: {failure.Message}");
            return failure.ExitCode;
        }
    }

    private static RootCommand Build() => new("A disaggregated LLM inference cluster that keeps its KV cache compressed everywhere.")
    {
        ServeCommand.Create(),
        GenerateCommand.Create(),
        EvalCommand.Create(),
        BenchCommand.Create(),
        CalibrateCommand.Create(),
        InspectCommand.Create(),
        StoreCommand.Create(),
    };
}
