using KvCluster.Compression.Codecs;
using KvCluster.Inference.Models;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Workers;

/// <summary>Runs a worker as a process of its own.</summary>
internal static class WorkerProgram
{
    /// <summary>Runs until told to stop. What keeps the worker from starting is one line on the error stream.</summary>
    /// <returns>The exit code: 0 done, 1 failed, 2 bad settings.</returns>
    public static Task<int> RunAsync(Func<WebApplication> create) => ServiceHost.RunAsync(() =>
    {
        try
        {
            return create();
        }
        catch (Exception error) when (error is ModelLoadException or CodecSpecException)
        {
            throw new HostStartException(error.Message, innerException: error);
        }
    });
}
