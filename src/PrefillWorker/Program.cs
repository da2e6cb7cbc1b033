using KvCluster.Workers;

namespace KvCluster.PrefillWorker;

internal static class Program
{
    private static Task<int> Main(string[] args) => WorkerProgram.RunAsync(
        () => PrefillWorkerHost.Create(WorkerOptions.Bind<PrefillWorkerOptions>(args, PrefillWorkerOptions.Section), args, isEmbedded: false));
}
