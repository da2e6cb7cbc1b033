using KvCluster.Gateway;

namespace KvCluster.CommandLine.Serve;

/// <summary>The addresses that a started Gateway listens on for clients.</summary>
internal static class ClientAddresses
{
    public static (string Http, string Grpc) Of(WebApplication gateway) =>
        (Reachable(GatewayHost.HttpAddressOf(gateway)), Reachable(GatewayHost.GrpcAddressOf(gateway)));

    /// <summary>An address to connect to, for one that a server listens on.</summary>
    private static string Reachable(string url) => url.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal)
        .Replace("[::]", "127.0.0.1", StringComparison.Ordinal);
}
