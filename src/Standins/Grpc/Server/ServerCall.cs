using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Grpc.Core;
using Grpc.Wire;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Grpc.AspNetCore.Server;

/// <summary>
/// A call in progress. Its response is owned by one party at a time (<see cref="ResponseGate"/>): a message being written, or
/// whoever ends the call first, its handler or its deadline.
/// </summary>
internal sealed class ServerCall : ServerCallContext, IServerCallContextFeature
{
    private static readonly AuthContext NoAuthentication = new(null, []);

    private readonly IMethod _method;
    private readonly ILogger _logger;
    private readonly ResponseGate _gate = new();
    private CallDeadline? _deadline;
    private Metadata? _requestHeaders;
    private Metadata? _responseTrailers;
    private Status _status = Status.DefaultSuccess;
    private volatile bool _isClientGone;

    public ServerCall(HttpContext httpContext, IMethod method, ServiceSettings settings, ILogger logger)
    {
        HttpContext = httpContext;
        _method = method;
        Settings = settings;
        _logger = logger;
        RequestEncoding = httpContext.Request.Headers[WireNames.Encoding];
        Writer = new ResponseFrameWriter(httpContext.Response.BodyWriter, settings);
    }

    public HttpContext HttpContext { get; }

    public ServiceSettings Settings { get; }

    /// <summary>grpc-encoding of the request; null is identity.</summary>
    public string? RequestEncoding { get; }

    public ReceivedPayload Payload { get; } = new();

    public ResponseFrameWriter Writer { get; }

    public ServerCallContext ServerCallContext => this;

    protected override string MethodCore => _method.FullName;

    protected override string HostCore => HttpContext.Request.Host.Value ?? "";

    protected override string PeerCore => HttpContext.Connection switch
    {
        { RemoteIpAddress: null } => "unknown",
        { RemoteIpAddress.AddressFamily: AddressFamily.InterNetworkV6 } peer => $"ipv6:[{peer.RemoteIpAddress}]:{peer.RemotePort}",
        var peer => $"ipv4:{peer.RemoteIpAddress}:{peer.RemotePort}",
    };

    protected override DateTime DeadlineCore => _deadline?.Instant ?? DateTime.MaxValue;

    protected override Metadata RequestHeadersCore => _requestHeaders ??= ReadRequestHeaders();

    protected override CancellationToken CancellationTokenCore => _deadline?.Token ?? HttpContext.RequestAborted;

    protected override Metadata ResponseTrailersCore => _responseTrailers ??= [];

    protected override Status StatusCore
    {
        get => _status;
        set => _status = value;
    }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => HttpContext.Connection.ClientCertificate is { } certificate
        ? PeerCertificate.Describe(certificate)
        : NoAuthentication;

    protected override IDictionary<object, object> UserStateCore => HttpContext.Items!;

    /// <summary>Starts the deadline and settles the encodings; false when the request names an encoding nobody knows.</summary>
    public bool Start()
    {
        HttpContext.Features.Set<IServerCallContextFeature>(this);
        var response = HttpContext.Response;
        response.ContentType = WireNames.ContentType;
        response.Headers[WireNames.AcceptEncoding] = Settings.Encodings.AcceptHeader;
        if (RequestEncoding is not (null or WireNames.Identity) && !Settings.Encodings.TryGet(RequestEncoding, out _))
        {
            ResponseStatus.Write(response, Settings.Encodings.UnknownEncoding(RequestEncoding), null);
            return false;
        }

        if (Settings.ResponseEncoding is { } encoding)
        {
            UseResponseEncoding(encoding);
        }

        if (TimeoutHeader.TryParse(HttpContext.Request.Headers[WireNames.Timeout], out var timeout))
        {
            _deadline = CallDeadline.Start(timeout, HttpContext.RequestAborted, OnDeadline);
        }

        return true;
    }

    /// <summary>Takes the response for one message; the caller must follow with <see cref="EndWrite"/>.</summary>
    /// <exception cref="InvalidOperationException">Another message is being written, or the call has ended.</exception>
    public void BeginWrite()
    {
        switch (_gate.TryEnter())
        {
            case ResponseGate.Entry.Busy:
                throw new InvalidOperationException(
                    "The message before this one is still being written; await each WriteAsync before the next.");
            case ResponseGate.Entry.Closed:
                CancellationTokenCore.ThrowIfCancellationRequested();
                throw new InvalidOperationException("The call has ended; nothing more can be written.");
        }
    }

    public void EndWrite() => _gate.Leave();

    /// <summary>Puts a message into the response without sending it off.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask PutAsync<T>(T message, Action<T, SerializationContext> serializer, CancellationToken cancellationToken)
    {
        if (!HttpContext.Response.HasStarted)
        {
            await HttpContext.Response.StartAsync(cancellationToken);
        }

        Writer.Write(message, serializer, isCompressible: ((WriteOptions?.Flags ?? default) & WriteFlags.NoCompress) == 0);
    }

    /// <summary>The request broke off: its reader hears of it before the call's token does.</summary>
    public void NoteClientGone() => _isClientGone = true;

    /// <summary>Ends the call after its handler; after the deadline has ended it, only waits for that to be sent.</summary>
    public async Task EndAsync(Exception? error)
    {
        if (error is not null)
        {
            _status = StatusOf(error);
        }

        await _gate.CloseAsync(SendStatusAsync);
        if (_deadline is not null)
        {
            await _deadline.DisposeAsync();
        }

        Writer.Release();
    }

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        if (HttpContext.Response.HasStarted)
        {
            throw new InvalidOperationException("The response headers have been sent before; they can be sent once.");
        }

        foreach (var entry in responseHeaders)
        {
            if (entry.Key == Metadata.EncodingRequestKey)
            {
                UseResponseEncoding(entry.Value);
            }
            else
            {
                HttpContext.Response.Headers.Append(entry.Key, entry.HeaderValue);
            }
        }

        BeginWrite();
        try
        {
            await HttpContext.Response.BodyWriter.FlushAsync(CancellationTokenCore);
        }
        finally
        {
            EndWrite();
        }
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        throw new NotImplementedException("Context propagation is not available; pass Deadline and CancellationToken on.");

    private void UseResponseEncoding(string encoding)
    {
        if (encoding == WireNames.Identity || !Settings.Encodings.TryGet(encoding, out var provider))
        {
            return;
        }

        var accepted = HttpContext.Request.Headers[WireNames.AcceptEncoding].ToString();
        if (accepted.Split(',', StringSplitOptions.TrimEntries).Contains(encoding, StringComparer.Ordinal))
        {
            Writer.Compression = provider;
            HttpContext.Response.Headers[WireNames.Encoding] = encoding;
        }
    }

    private Metadata ReadRequestHeaders()
    {
        var headers = new Metadata();
        foreach (var (name, values) in HttpContext.Request.Headers)
        {
            if (WireNames.IsReserved(name))
            {
                continue;
            }

            foreach (var value in values)
            {
                HeaderMetadata.Append(headers, name, value ?? "");
            }
        }

        return headers;
    }

    private Status StatusOf(Exception error)
    {
        if (error is RpcException refused)
        {
            _logger.CallRefused(MethodCore, refused.StatusCode, refused.Status.Detail);
            foreach (var entry in refused.Trailers)
            {
                ResponseTrailers.Add(entry);
            }

            return refused.Status;
        }

        if (error is OperationCanceledException or IOException && (_isClientGone || CancellationTokenCore.IsCancellationRequested))
        {
            _logger.CallCancelled(MethodCore, error);
            return new Status(StatusCode.Cancelled, "The call was cancelled.", error);
        }

        _logger.HandlerFailed(MethodCore, error);
        return new Status(
            StatusCode.Unknown,
            Settings.EnableDetailedErrors ? $"The handler threw {error.GetType().Name}: {error.Message}" : "The handler threw an exception.",
            error);
    }

    private void OnDeadline(TimeSpan timeout)
    {
        _logger.DeadlinePassed(MethodCore, timeout.TotalMilliseconds);
        _ = _gate.CloseAsync(() =>
        {
            _status = new Status(StatusCode.DeadlineExceeded, "The deadline passed on the server.");
            return SendStatusAsync();
        });
    }

    private async Task SendStatusAsync()
    {
        try
        {
            if (Writer.IsBroken)
            {
                // Half a message is in the response: no trailer may make it look whole.
                HttpContext.Abort();
                return;
            }

            ResponseStatus.Write(HttpContext.Response, _status, _responseTrailers);
            if (_status.StatusCode == StatusCode.DeadlineExceeded)
            {
                await HttpContext.Response.CompleteAsync();
            }
        }
        catch (Exception ex) when (ex is not OutOfMemoryException)
        {
            _logger.StatusNotSent(MethodCore, ex);
            HttpContext.Abort();
        }
    }
}
