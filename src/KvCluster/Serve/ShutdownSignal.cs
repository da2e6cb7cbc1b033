using System.Runtime.InteropServices;
using KvCluster.CommandLine.Terminal;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.CommandLine.Serve;

/// <summary>Ctrl-C, SIGTERM, the caller's token, or a host that can't go on.</summary>
internal static class ShutdownSignal
{
    /// <returns>The exit code. A fault has been said on the error stream.</returns>
    public static async Task<int> WaitAsync(Task<string> fault, CancellationToken cancellationToken)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using CancellationTokenRegistration cancelled = cancellationToken.Register(() => stopped.TrySetResult());
        if (await Task.WhenAny(stopped.Task, fault) == fault)
        {
            await Console.Error.WriteLineAsync($"kvcluster: {await fault}");
            return HostFault.ExitCode;
        }

        return ExitCode.Done;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stopped.TrySetResult();
        }
    }
}
