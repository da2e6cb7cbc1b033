using KvCluster.Workers;

namespace KvCluster.DecodeWorker;

internal static class Program
{
    private static Task<int> Main(string[] args) => WorkerProgram.RunAsync(
        () => DecodeWorkerHost.Create(WorkerOptions.Bind<DecodeWorkerOptions>(args, DecodeWorkerOptions.Section), args, isEmbedded: false));
}
