using Grpc.Core;

namespace Grpc.Net.Client;

/// <summary>Writes request messages, each sent off at once unless it carries BufferHint.</summary>
internal sealed class RequestWriter<T> : IClientStreamWriter<T>
    where T : class
{
    private const int Free = 0;
    private const int Writing = 1;
    private const int Completed = 2;

    private static readonly TimeSpan StatusWait = TimeSpan.FromSeconds(1);

    private readonly ClientCall _call;
    private readonly Action<T, SerializationContext> _serializer;
    private readonly RequestFrame _frame;
    private int _state;

    public RequestWriter(ClientCall call, Action<T, SerializationContext> serializer)
    {
        _call = call;
        _serializer = serializer;
        _frame = new RequestFrame(call);
        WriteOptions = call.Options.WriteOptions;
    }

    public MessageStreamContent Content { get; } = new();

    public WriteOptions? WriteOptions { get; set; }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        _call.ThrowIfDisposed();
        var before = Interlocked.CompareExchange(ref _state, Writing, Free);
        if (before == Completed)
        {
            throw new InvalidOperationException("The request stream is complete; nothing more can be written.");
        }

        if (_call.HasEnded)
        {
            Leave(before);
            throw _call.Failure();
        }

        if (before == Writing)
        {
            throw new InvalidOperationException(
                "The message before this one is still being written; await each WriteAsync before the next.");
        }

        try
        {
            await SendAsync(message, cancellationToken);
        }
        finally
        {
            Leave(before);
        }
    }

    public Task CompleteAsync()
    {
        switch (Interlocked.CompareExchange(ref _state, Completed, Free))
        {
            case Writing when !_call.HasEnded:
                return Task.FromException(new InvalidOperationException(
                    "A message is still being written; await its WriteAsync before completing the request stream."));
            case Free:
                _frame.Release();
                Content.Complete();
                break;
        }

        return Task.CompletedTask;
    }

    /// <summary>The call has ended: a waiting write fails and none can follow.</summary>
    public void Stop() => Content.Stop();

    private async Task SendAsync(T message, CancellationToken cancellationToken)
    {
        _frame.Fill(message, _serializer, WriteOptions);
        using var cancelled = _call.IsForeign(cancellationToken)
            ? cancellationToken.UnsafeRegister(static state => ((ClientCall)state!).Cancel(), _call)
            : default;
        try
        {
            var stream = await Content.OpenAsync(_call.Token);
            await stream.WriteAsync(_frame.Bytes, _call.Token);
            if (((WriteOptions?.Flags ?? default) & WriteFlags.BufferHint) == 0)
            {
                await stream.FlushAsync(_call.Token);
            }
        }
        catch (Exception ex) when (_call.HasEnded)
        {
            throw Ended(ex, cancellationToken);
        }
        catch (Exception ex) when (ex is IOException or HttpRequestException or OperationCanceledException)
        {
            // The server stopped listening; why is in its status, which whoever reads the response gets about now.
            await Task.Delay(StatusWait, _call.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw _call.HasEnded ? Ended(ex, cancellationToken) : new RpcException(TransportErrors.StatusOf(ex));
        }
    }

    private Exception Ended(Exception error, CancellationToken cancellationToken) =>
        cancellationToken.IsCancellationRequested && _call.Channel.Options.ThrowOperationCanceledOnCancellation
            ? new OperationCanceledException("The write was cancelled.", error, cancellationToken)
            : _call.Failure();

    private void Leave(int before)
    {
        if (before == Free)
        {
            Volatile.Write(ref _state, Free);
        }
    }
}
