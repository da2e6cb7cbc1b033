using System.CommandLine;

namespace KvCluster.CommandLine.Serve;

/// <summary><c>--server URL</c>; without it a command starts a cluster of its own.</summary>
internal static class ServerOption
{
    public static Option<string?> Create()
    {
        var option = new Option<string?>("--server")
        {
            HelpName = "URL",
            Description = "gRPC address of a running Gateway, e.g. http://127.0.0.1:8081 (default: start a cluster in this process)",
        };
        option.Validators.Add(result =>
        {
            string? url = result.GetValueOrDefault<string?>();
            if (url is not null && !(Uri.TryCreate(url, UriKind.Absolute, out Uri? parsed) && parsed.Scheme is "http" or "https" or "grpc" or "unix"))
            {
                result.AddError($"--server: '{url}' is not an address like http://127.0.0.1:8081");
            }
        });
        return option;
    }
}
