using System.Net.Sockets;
using Grpc.Net.Client;

namespace KvCluster.Protocol;

/// <summary>Channels between the processes of a cluster.</summary>
public static class GrpcChannels
{
    /// <summary>The longest message that is sent or taken.</summary>
    public const int MaxMessageSizeBytes = 64 << 20;

    /// <summary>HTTP/2 window of one call: some slabs may be on their way before the reader has said that it goes on.</summary>
    public const int StreamWindowSizeBytes = 8 << 20;

    private const string UnixScheme = "unix";

    /// <param name="address"><c>http://host:port</c>, <c>https://host:port</c> or <c>unix:///path</c>.</param>
    /// <exception cref="FormatException">The address is none of these.</exception>
    public static GrpcChannel Create(string address)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
            || (uri.Scheme != UnixScheme && uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
        {
            throw new FormatException($"'{address}' is not an address; write http://host:port or unix:///path");
        }

        bool isUnix = uri.Scheme == UnixScheme;
        return GrpcChannel.ForAddress(isUnix ? new Uri("http://localhost") : uri, new GrpcChannelOptions
        {
            HttpHandler = Handler(isUnix ? uri.LocalPath : null),
            DisposeHttpClient = true,
            MaxReceiveMessageSize = MaxMessageSizeBytes,
            MaxSendMessageSize = MaxMessageSizeBytes,
        });
    }

    private static SocketsHttpHandler Handler(string? socketPath)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            KeepAlivePingDelay = TimeSpan.FromSeconds(20),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(10),
            EnableMultipleHttp2Connections = true,
            InitialHttp2StreamWindowSize = StreamWindowSizeBytes,
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
        };
        if (socketPath is not null)
        {
            handler.ConnectCallback = (_, cancellationToken) => ConnectAsync(socketPath, cancellationToken);
        }

        return handler;
    }

    private static async ValueTask<Stream> ConnectAsync(string socketPath, CancellationToken cancellationToken)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
