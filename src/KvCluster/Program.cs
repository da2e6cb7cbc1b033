using KvCluster.CommandLine.Terminal;

namespace KvCluster.CommandLine;

internal static class Program
{
    private static Task<int> Main(string[] args) => CommandLineApp.RunAsync(args);
}
