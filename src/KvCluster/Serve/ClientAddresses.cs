using Microsoft.AspNetCore.Builder;

namespace KvCluster.CommandLine.Serve;

/// <summary>The addresses that a started Gateway listens on for clients.</summary>
internal static class ClientAddresses
{
    /// <summary>HTTP is bound first, gRPC second.</summary>
    public static (string Http, string Grpc) Of(WebApplication gateway)
    {
        string[] urls = [.. gateway.Urls];
        return (Reachable(urls[0]), Reachable(urls[1]));
    }

    /// <summary>An address to connect to, for one that a server listens on.</summary>
    private static string Reachable(string url) => url.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)
        .Replace("[::]", "127.0.0.1", StringComparison.Ordinal);
}
