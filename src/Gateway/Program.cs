using KvCluster.Inference.Models;
using KvCluster.ServiceDefaults.Hosting;

namespace KvCluster.Gateway;

internal static class Program
{
    private static Task<int> Main(string[] args) => ServiceHost.RunAsync(() =>
    {
        try
        {
            return GatewayHost.Create(args);
        }
        catch (ModelLoadException e)
        {
            throw new HostStartException(e.Message, innerException: e);
        }
    });
}
