using System.Net.Http.Headers;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>Fills the headers of a request.</summary>
internal static class CallRequest
{
    private static readonly string UserAgent = $"grpc-kvcluster/1.0 (.NET {Environment.Version})";

    public static async ValueTask FillAsync(HttpRequestMessage request, ClientCall call, string? host)
    {
        var channel = call.Channel;
        request.Version = channel.Version;
        request.VersionPolicy = channel.VersionPolicy;
        var headers = request.Headers;
        if (host is not null)
        {
            headers.Host = host;
        }

        headers.TryAddWithoutValidation("te", "trailers");
        headers.TryAddWithoutValidation(WireNames.AcceptEncoding, channel.Encodings.AcceptHeader);
        if (call.Compression is { } compression)
        {
            headers.TryAddWithoutValidation(WireNames.Encoding, compression.EncodingName);
        }

        if (call.Options.Deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            headers.TryAddWithoutValidation(
                WireNames.Timeout, TimeoutHeader.Format(deadline.ToUniversalTime() - DateTime.UtcNow));
        }

        var isAgentNamed = Append(headers, call.Options.Headers);
        var credentials = new Metadata();
        await channel.AddCredentialsAsync(credentials, call.Method, call.Options.Credentials, call.Token);
        Append(headers, credentials);
        if (!isAgentNamed)
        {
            headers.TryAddWithoutValidation("user-agent", UserAgent);
        }
    }

    public static MediaTypeHeaderValue ContentType => new(WireNames.ContentType);

    private static bool Append(HttpRequestHeaders headers, Metadata? metadata)
    {
        var isAgentNamed = false;
        foreach (var entry in metadata ?? [])
        {
            if (entry.Key == Metadata.EncodingRequestKey)
            {
                continue;
            }

            isAgentNamed |= entry.Key == "user-agent";
            headers.TryAddWithoutValidation(entry.Key, entry.HeaderValue);
        }

        return isAgentNamed;
    }
}
