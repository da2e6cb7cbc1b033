using System.Runtime.InteropServices;

namespace KvCluster.CommandLine.Serve;

/// <summary>Ctrl-C, SIGTERM or the caller's token.</summary>
internal static class ShutdownSignal
{
    public static async Task WaitAsync(CancellationToken cancellationToken)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using CancellationTokenRegistration cancelled = cancellationToken.Register(() => stopped.TrySetResult());
        await stopped.Task;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stopped.TrySetResult();
        }
    }
}
