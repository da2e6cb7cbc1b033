using System.Net;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Grpc.Net.Client;

/// <summary>A way to one server; its HTTP handler keeps and shares the connections.</summary>
public sealed class GrpcChannel : ChannelBase, IDisposable
{
    private readonly HashSet<IDisposable> _calls = [];
    private readonly HttpMessageInvoker _http;
    private readonly bool _ownsHttp;
    private readonly CallCredentials? _credentials;
    private bool _disposed;

    private GrpcChannel(Uri address, GrpcChannelOptions options)
        : base(address.Authority)
    {
        if (options is { HttpClient: not null, HttpHandler: not null })
        {
            throw new ArgumentException("Set either HttpClient or HttpHandler of the channel options, not both.");
        }

        var transport = TransportCredentials.Read(options.Credentials);
        IsSecure = address.Scheme switch
        {
            "http" => false,
            "https" => true,
            _ => throw new InvalidOperationException($"The scheme of the address '{address}' is neither http nor https."),
        };
        if (transport.IsSecure is { } wanted && wanted != IsSecure)
        {
            throw new InvalidOperationException(
                $"The address '{address}' is {(IsSecure ? "TLS" : "cleartext")}, the channel credentials are not.");
        }

        _credentials = transport.CallCredentials;
        Address = address;
        Options = options;
        Encodings = options.CompressionProviders is { } providers ? new MessageEncodings(providers) : MessageEncodings.Default;
        Logger = (options.LoggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Grpc.Net.Client");
        Version = options.HttpVersion ?? HttpVersion.Version20;
        VersionPolicy = options.HttpVersionPolicy ?? HttpVersionPolicy.RequestVersionExact;
        _ownsHttp = options.DisposeHttpClient || options is { HttpClient: null, HttpHandler: null };
        _http = options.HttpClient
            ?? new HttpMessageInvoker(options.HttpHandler ?? DefaultHandler(), disposeHandler: _ownsHttp);
    }

    internal Uri Address { get; }

    internal bool IsSecure { get; }

    internal GrpcChannelOptions Options { get; }

    internal MessageEncodings Encodings { get; }

    internal ILogger Logger { get; }

    internal Version Version { get; }

    internal HttpVersionPolicy VersionPolicy { get; }

    public static GrpcChannel ForAddress(string address) => ForAddress(address, new GrpcChannelOptions());

    public static GrpcChannel ForAddress(string address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        return ForAddress(new Uri(address), channelOptions);
    }

    public static GrpcChannel ForAddress(Uri address) => ForAddress(address, new GrpcChannelOptions());

    public static GrpcChannel ForAddress(Uri address, GrpcChannelOptions channelOptions)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(channelOptions);
        return new GrpcChannel(address, channelOptions);
    }

    public override CallInvoker CreateCallInvoker()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return new HttpCallInvoker(this);
    }

    /// <summary>Ends the calls in progress as cancelled, then closes the connections if the channel owns them.</summary>
    public void Dispose()
    {
        IDisposable[] calls;
        lock (_calls)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            calls = [.. _calls];
            _calls.Clear();
        }

        foreach (var call in calls)
        {
            call.Dispose();
        }

        if (_ownsHttp)
        {
            _http.Dispose();
        }
    }

    internal void Register(IDisposable call)
    {
        lock (_calls)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _calls.Add(call);
        }
    }

    internal void Unregister(IDisposable call)
    {
        lock (_calls)
        {
            _calls.Remove(call);
        }
    }

    /// <summary>Completes with the response headers; the body is still to come.</summary>
    internal Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
        _http is HttpClient client
            ? client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken)
            : _http.SendAsync(request, cancellationToken);

    internal async ValueTask AddCredentialsAsync(Metadata headers, IMethod method, CallCredentials? ofCall, CancellationToken cancellationToken)
    {
        if (_credentials is null && ofCall is null)
        {
            return;
        }

        if (!IsSecure && !Options.UnsafeUseInsecureChannelCallCredentials)
        {
            Logger.CredentialsNotSent(method.FullName);
            return;
        }

        var context = new AuthInterceptorContext(
            $"{Address.Scheme}://{Address.Authority}/{method.ServiceName}", method.Name, cancellationToken);
        foreach (var credentials in new[] { _credentials, ofCall })
        {
            if (credentials is not null)
            {
                await CallCredentialParts.ApplyAsync(credentials, context, headers);
            }
        }
    }

    private static SocketsHttpHandler DefaultHandler() => new()
    {
        EnableMultipleHttp2Connections = true,
        AllowAutoRedirect = false,
        UseCookies = false,
    };
}
