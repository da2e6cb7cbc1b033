using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.CommandLine.Serve;

/// <summary>A worker as a process of its own, which is how it has a GPU of its own. It is started anew when it dies, and ends with this process, however that ends.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    private const string VisibleDevices = "CUDA_VISIBLE_DEVICES";
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(40);

    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<string> _fault = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _name;
    private readonly Task _running;

    private WorkerProcess(string name, ProcessStartInfo start)
    {
        _name = name;
        _running = RunAsync(start);
    }

    /// <summary>One line, if it can't be started: what is wrong with it is on the error stream.</summary>
    public Task<string> Fault => _fault.Task;

    /// <param name="name">Of the worker.</param>
    /// <param name="host">A type of the host's assembly, which is a program beside this one.</param>
    /// <param name="options">All that the worker is told; what has its default value is left to the environment, as in every worker.</param>
    /// <param name="device">Index of its GPU among those that this process sees.</param>
    public static WorkerProcess Start<TOptions>(string name, Type host, TOptions options, int device)
        where TOptions : class, new()
    {
        ProcessStartInfo start = HostProgram.Start(host, Arguments(options));
        start.RedirectStandardInput = true;
        start.Environment[VisibleDevices] = VisibleDevice(Environment.GetEnvironmentVariable(VisibleDevices), device);
        return new WorkerProcess(name, start);
    }

    /// <summary>Lets its running work finish.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    /// <summary>The settings that differ from the defaults, as its command line has them.</summary>
    internal static IEnumerable<string> Arguments<TOptions>(TOptions options)
        where TOptions : class, new()
    {
        var defaults = new TOptions();
        foreach (PropertyInfo property in typeof(TOptions).GetProperties().Where(property => property.SetMethod is { IsPublic: true }))
        {
            object? value = property.GetValue(options);
            if (value is not null && !value.Equals(property.GetValue(defaults)))
            {
                yield return $"--{property.Name}={Convert.ToString(value, CultureInfo.InvariantCulture)}";
            }
        }
    }

    /// <summary>What the <paramref name="device"/>th GPU of <paramref name="visible"/> is called; without a list its number.</summary>
    internal static string VisibleDevice(string? visible, int device)
    {
        string[] names = (visible ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return names.Length == 0 ? device.ToString(CultureInfo.InvariantCulture)
            : device < names.Length ? names[device]
            : throw new HostStartException($"there is no GPU {device}: {VisibleDevices} is '{visible}'");
    }

    private async Task RunAsync(ProcessStartInfo start)
    {
        while (!_stop.IsCancellationRequested)
        {
            using Process? process = TryStart(start);
            if (process is null)
            {
                return;
            }

            // Stdout is for what this process has to say.
            process.OutputDataReceived += static (_, line) => Console.Error.WriteLine(line.Data);
            process.BeginOutputReadLine();
            if (!await EndsByItselfAsync(process))
            {
                return;
            }

            // 1 and 2: it found its settings, its model or its GPU unusable, and would again.
            if (process.ExitCode is 1 or 2)
            {
                _fault.TrySetResult($"{_name} can't run (exit code {process.ExitCode})");
                return;
            }

            // Ctrl-C reaches it as well as this process, and it may be the first to end.
            await Task.Delay(RestartPause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!_stop.IsCancellationRequested)
            {
                await Console.Error.WriteLineAsync($"kvcluster: {_name} ended with exit code {process.ExitCode}; it is started anew");
            }
        }
    }

    private Process? TryStart(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start);
        }
        catch (Win32Exception error)
        {
            _fault.TrySetResult($"{_name} can't be started: {error.Message}");
            return null;
        }
    }

    /// <returns>False: it was stopped, and is gone.</returns>
    private async Task<bool> EndsByItselfAsync(Process process)
    {
        try
        {
            await process.WaitForExitAsync(_stop.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            process.StandardInput.Close();
        }

        using var patience = new CancellationTokenSource(StopPatience);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            await process.WaitForExitAsync();
        }

        return false;
    }
}
