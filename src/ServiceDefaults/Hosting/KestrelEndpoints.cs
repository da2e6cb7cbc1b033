using System.Net.Sockets;
using KvCluster.Protocol;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Where a host listens, and how.</summary>
public static class KestrelEndpoints
{
    /// <summary>Window of a connection: some calls may fill theirs.</summary>
    private const int ConnectionWindowSizeBytes = 8 * GrpcChannels.StreamWindowSizeBytes;

    /// <summary>Cleartext HTTP/2 for gRPC, with windows sized for slabs.</summary>
    public static WebApplicationBuilder ListenForGrpc(this WebApplicationBuilder builder, ListenAddress address) =>
        builder.Listen(address, HttpProtocols.Http2);

    /// <summary>HTTP/1.1, for browsers, curl and scrapers.</summary>
    public static WebApplicationBuilder ListenForHttp(this WebApplicationBuilder builder, ListenAddress address) =>
        builder.Listen(address, HttpProtocols.Http1);

    private static WebApplicationBuilder Listen(this WebApplicationBuilder builder, ListenAddress address, HttpProtocols protocols)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Limits.Http2.InitialStreamWindowSize = GrpcChannels.StreamWindowSizeBytes;
            kestrel.Limits.Http2.InitialConnectionWindowSize = ConnectionWindowSizeBytes;
            kestrel.Limits.Http2.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
            kestrel.Limits.Http2.KeepAlivePingTimeout = TimeSpan.FromSeconds(15);
            if (address.SocketPath is { } path)
            {
                TakeOver(path);
                kestrel.ListenUnixSocket(path, listen => listen.Protocols = protocols);
            }
            else if (address.IPAddress is { } ipAddress)
            {
                kestrel.Listen(ipAddress, address.Port, listen => listen.Protocols = protocols);
            }
            else if (address.Port == 0)
            {
                kestrel.Listen(System.Net.IPAddress.Loopback, 0, listen => listen.Protocols = protocols);
            }
            else
            {
                kestrel.ListenLocalhost(address.Port, listen => listen.Protocols = protocols);
            }
        });
        return builder;
    }

    /// <summary>Removes the socket file that a killed process left; one that still answers is in use.</summary>
    private static void TakeOver(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            File.Delete(path);
            return;
        }

        throw new HostStartException($"unix://{path} is in use. Stop what listens there, or choose another address.");
    }
}
