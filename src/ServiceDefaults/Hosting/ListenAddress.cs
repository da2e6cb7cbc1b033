using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace KvCluster.ServiceDefaults.Hosting;

/// <summary>Where a host listens: <c>http://host:port</c> or <c>unix:///path</c>.</summary>
/// <remarks>
/// The host is an IP address, <c>localhost</c> or <c>*</c> (every address). Port 0 takes a free one.
/// </remarks>
public sealed record ListenAddress
{
    /// <summary>What to write, for error messages.</summary>
    public const string Forms = "http://host:port (host an IP address, localhost or *; port 0 for any free one) or unix:///path";

    private const string HttpPrefix = "http://";
    private const string UnixPrefix = "unix://";

    private ListenAddress(string text, string? socketPath, IPAddress? ipAddress, int port)
    {
        Text = text;
        SocketPath = socketPath;
        IPAddress = ipAddress;
        Port = port;
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>Path of the Unix socket; null for TCP.</summary>
    public string? SocketPath { get; }

    /// <summary>Null for localhost and for a Unix socket.</summary>
    public IPAddress? IPAddress { get; }

    /// <summary>0: any free one.</summary>
    public int Port { get; }

    public static bool TryParse(string? text, [NotNullWhen(true)] out ListenAddress? address)
    {
        address = null;
        if (text is null)
        {
            return false;
        }

        if (text.StartsWith(UnixPrefix + "/", StringComparison.Ordinal))
        {
            address = new ListenAddress(text, text[UnixPrefix.Length..], null, 0);
            return true;
        }

        int colon = text.LastIndexOf(':');
        if (!text.StartsWith(HttpPrefix, StringComparison.OrdinalIgnoreCase)
            || colon < HttpPrefix.Length
            || !ushort.TryParse(text.AsSpan(colon + 1).TrimEnd('/'), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return false;
        }

        string host = text[HttpPrefix.Length..colon];
        IPAddress? ipAddress = null;
        bool isHost = host == "localhost" || host == "*" || IPAddress.TryParse(host, out ipAddress);
        address = isHost ? new ListenAddress(text, null, host == "*" ? IPAddress.Any : ipAddress, port) : null;
        return isHost;
    }

    /// <exception cref="FormatException">None of <see cref="Forms"/>.</exception>
    public static ListenAddress Parse(string text) =>
        TryParse(text, out ListenAddress? address) ? address : throw new FormatException($"'{text}' is not a listen address; write {Forms}");

    public override string ToString() => Text;
}
