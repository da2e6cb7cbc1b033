using Grpc.Core;
using Grpc.Net.Compression;
using Grpc.Wire;

namespace Grpc.Net.Client;

/// <summary>
/// The life of a call, whatever its messages: it is sent, its headers arrive, and it ends exactly once, with a status. Whatever
/// is pending then fails with that status.
/// </summary>
internal abstract class ClientCall : IDisposable
{
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly TaskCompletionSource<Metadata> _headers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _ending = new();
    private readonly Lock _lock = new();
    private readonly CancellationTokenRegistration _userCancellation;
    private readonly Timer? _deadlineTimer;
    private volatile bool _isDisposed;
    private HttpResponseMessage? _response;
    private Status? _status;
    private Metadata _trailers = Metadata.Empty;

    protected ClientCall(GrpcChannel channel, IMethod method, string? host, CallOptions options)
    {
        Channel = channel;
        Method = method;
        Host = host;
        Options = options;
        if (options.Headers?.GetValue(Metadata.EncodingRequestKey) is { } encoding and not WireNames.Identity)
        {
            Compression = channel.Encodings.TryGet(encoding, out var provider)
                ? provider
                : throw new ArgumentException($"The message encoding '{encoding}' is unknown here; known are {channel.Encodings.AcceptHeader}.");
        }

        Token = _ending.Token;
        channel.Register(this);
        if (options.Deadline is { } deadline && deadline != DateTime.MaxValue)
        {
            var left = TimeLeft(deadline);
            if (left <= TimeSpan.Zero)
            {
                OnDeadline();
            }
            else if (left <= LongestTimer)
            {
                _deadlineTimer = new Timer(static state => ((ClientCall)state!).OnDeadline(), this, Timeout.Infinite, Timeout.Infinite);
                _deadlineTimer.Change((long)Math.Ceiling(left.TotalMilliseconds), Timeout.Infinite);
            }
        }

        if (options.CancellationToken.CanBeCanceled)
        {
            _userCancellation = options.CancellationToken.UnsafeRegister(static state => ((ClientCall)state!).OnCancelled(), this);
        }
    }

    public GrpcChannel Channel { get; }

    public IMethod Method { get; }

    public CallOptions Options { get; }

    /// <summary>The encoding of request messages; null sends them as they are.</summary>
    public ICompressionProvider? Compression { get; }

    /// <summary>Fires when the call ends.</summary>
    public CancellationToken Token { get; }

    public Task<Metadata> HeadersAsync => _headers.Task;

    public bool HasEnded
    {
        get
        {
            lock (_lock)
            {
                return _status is not null;
            }
        }
    }

    /// <exception cref="InvalidOperationException">The call is still in progress.</exception>
    public Status FinalStatus
    {
        get
        {
            lock (_lock)
            {
                return _status ?? throw new InvalidOperationException("The call has not ended, so it has no status yet.");
            }
        }
    }

    public Metadata FinalTrailers
    {
        get
        {
            lock (_lock)
            {
                return _status is null
                    ? throw new InvalidOperationException("The call has not ended, so it has no trailers yet.")
                    : _trailers;
            }
        }
    }

    protected string? Host { get; }

    /// <summary>Cancels the call unless it has ended; its streams are not to be used any more.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        End(new Status(StatusCode.Cancelled, "The call was disposed before it ended."), Metadata.Empty);
    }

    /// <summary>Cancels the call because a token of one of its operations fired.</summary>
    public void Cancel() => OnCancelled();

    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    /// <summary>Whether a token can end the call that does not end it already.</summary>
    public bool IsForeign(CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled && cancellationToken != Options.CancellationToken;

    /// <summary>What a pending operation throws after the call has ended.</summary>
    public Exception Failure()
    {
        Status status;
        Metadata trailers;
        lock (_lock)
        {
            status = _status ?? new Status(StatusCode.Cancelled, "The call was cancelled.");
            trailers = _trailers;
        }

        if (Channel.Options.ThrowOperationCanceledOnCancellation
            && (Options.CancellationToken.IsCancellationRequested || status.StatusCode == StatusCode.DeadlineExceeded)
            && status.StatusCode is StatusCode.Cancelled or StatusCode.DeadlineExceeded)
        {
            return new OperationCanceledException(
                status.Detail, new RpcException(status, trailers), Options.CancellationToken);
        }

        return new RpcException(status, trailers);
    }

    /// <summary>Ends the call because of an error and returns what to throw.</summary>
    public Exception Fail(Exception error)
    {
        var status = TransportErrors.StatusOf(error);
        if (status.StatusCode == StatusCode.Cancelled && Options.Deadline is { } deadline && TimeLeft(deadline) <= TimeSpan.Zero)
        {
            // The server's own timer was first and its reset of the stream says "cancel".
            status = new Status(StatusCode.DeadlineExceeded, "The deadline passed.", error);
        }

        End(status, error is RpcException { Trailers: var trailers } ? trailers : Metadata.Empty);
        return Failure();
    }

    /// <summary>Sends the request; null when the response has no body because it was only trailers.</summary>
    /// <exception cref="RpcException">The call failed; it has ended.</exception>
    protected async Task<ResponseFrames?> OpenAsync(HttpContent content)
    {
        try
        {
            // Not disposed: that would end the body of a duplex call, which is still being sent.
            var request = new HttpRequestMessage(HttpMethod.Post, new Uri(Channel.Address, Method.FullName)) { Content = content };
            await CallRequest.FillAsync(request, this, Host);
            var response = await Channel.SendAsync(request, Token);
            lock (_lock)
            {
                if (_status is null)
                {
                    _response = response;
                }
            }

            if (HasEnded)
            {
                response.Dispose();
                throw Failure();
            }

            return await AcceptAsync(response);
        }
        catch (Exception ex)
        {
            throw Fail(ex);
        }
    }

    /// <summary>Ends the call with the status in the trailers that followed the body; OK must not follow a missing message.</summary>
    /// <exception cref="RpcException">The status is not OK.</exception>
    protected void EndWithTrailers(bool isMessageMissing)
    {
        var trailers = ResponseTrailers.Read(_response!.TrailingHeaders, out var status);
        var final = status ?? new Status(StatusCode.Unknown, "The response ended without a grpc-status.");
        End(isMessageMissing && final.StatusCode == StatusCode.OK ? MessageStatus.Missing : final, trailers);
        if (FinalStatus.StatusCode != StatusCode.OK)
        {
            throw Failure();
        }
    }

    /// <summary>Stops the sending of messages when the call ends.</summary>
    protected abstract void OnEnded();

    private async Task<ResponseFrames?> AcceptAsync(HttpResponseMessage response)
    {
        var metadata = ResponseTrailers.Read(response.Headers, out var onlyStatus);
        if (onlyStatus is { } status)
        {
            _headers.TrySetResult(metadata);
            End(status, metadata);
            return status.StatusCode == StatusCode.OK ? null : throw Failure();
        }

        if (ResponseTrailers.Refusal(response) is { } refusal)
        {
            throw new RpcException(refusal);
        }

        var encoding = response.Headers.NonValidated.TryGetValues(WireNames.Encoding, out var values) ? values.ToString() : null;
        _headers.TrySetResult(metadata);
        var body = await response.Content.ReadAsStreamAsync(Token);
        return new ResponseFrames(body, encoding, Channel);
    }

    private void End(Status status, Metadata trailers)
    {
        HttpResponseMessage? response;
        lock (_lock)
        {
            if (_status is not null)
            {
                return;
            }

            _status = status;
            _trailers = trailers;
            response = _response;
        }

        if (status.StatusCode != StatusCode.OK)
        {
            Channel.Logger.CallFailed(Method.FullName, status.StatusCode, status.Detail, status.DebugException);
        }

        _userCancellation.Unregister();
        _deadlineTimer?.Dispose();
        Channel.Unregister(this);
        OnEnded();
        _ending.Cancel();
        response?.Dispose();
        if (_headers.TrySetException(new RpcException(status, trailers)))
        {
            // Callers who never ask for the headers are told by the response.
            _ = _headers.Task.Exception;
        }
    }

    private void OnCancelled() => End(new Status(StatusCode.Cancelled, "The call was cancelled by its caller."), Metadata.Empty);

    private void OnDeadline() => End(new Status(StatusCode.DeadlineExceeded, "The deadline passed."), Metadata.Empty);

    private static TimeSpan TimeLeft(DateTime deadline) => deadline.ToUniversalTime() - DateTime.UtcNow;
}
