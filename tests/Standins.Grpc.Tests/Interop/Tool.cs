using System.Diagnostics;

namespace KvCluster.Standins.Grpc.Tests.Interop;

/// <summary>Runs a program that the tests need and the machine may lack.</summary>
internal static class Tool
{
    /// <summary>Folder of the scripts, which the build copies beside the tests.</summary>
    public static string Scripts { get; } = Path.Combine(AppContext.BaseDirectory, "interop");

    /// <summary>A python3 that has grpcio (Debian: python3-grpcio); null when there is none.</summary>
    public static async Task<string?> FindPythonAsync()
    {
        foreach (var python in new[] { "/usr/bin/python3", "python3" })
        {
            if (await SucceedsAsync(python, ["-c", "import grpc"], Scripts))
            {
                return python;
            }
        }

        return null;
    }

    /// <summary>Whether node is there and grpc-js is, or could be, installed by npm.</summary>
    public static async Task<bool> FindGrpcJsAsync()
    {
        var folder = Path.Combine(Scripts, "js");
        return await SucceedsAsync("node", ["--version"], folder)
            && (await SucceedsAsync("node", ["-e", "require('@grpc/grpc-js')"], folder)
                || await SucceedsAsync("npm", ["ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder));
    }

    public static Process Start(string program, IEnumerable<string> arguments, string folder)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHONDONTWRITEBYTECODE"] = "1";
        return Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
    }

    /// <summary>Runs to the end; the output when it succeeded, else the test fails with it.</summary>
    public static async Task<string> RunAsync(string program, IEnumerable<string> arguments, string folder)
    {
        using var process = Start(program, arguments, folder);
        try
        {
            var stop = TestContext.Current.CancellationToken;
            var output = process.StandardOutput.ReadToEndAsync(stop);
            var errors = process.StandardError.ReadToEndAsync(stop);
            await process.WaitForExitAsync(stop);
            Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}.\n{await output}\n{await errors}");
            return await output;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    private static async Task<bool> SucceedsAsync(string program, IEnumerable<string> arguments, string folder)
    {
        try
        {
            using var process = Start(program, arguments, folder);
            await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
