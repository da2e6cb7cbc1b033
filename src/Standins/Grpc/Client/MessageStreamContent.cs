using System.Net;

namespace Grpc.Net.Client;

/// <summary>A request body that stays open while a <see cref="RequestWriter{T}"/> puts messages into it.</summary>
internal sealed class MessageStreamContent : HttpContent
{
    // Completes inline: END_STREAM must be on its way when CompleteAsync returns, or a Dispose after it would reset the stream.
    private readonly TaskCompletionSource _completed = new();
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Stream? _stream;
    private volatile bool _hasWritten;

    public MessageStreamContent() => Headers.ContentType = CallRequest.ContentType;

    public async ValueTask<Stream> OpenAsync(CancellationToken cancellationToken)
    {
        if (_stream is null)
        {
            await _opened.Task.WaitAsync(cancellationToken);
        }

        _hasWritten = true;
        return _stream!;
    }

    public void Complete() => _completed.TrySetResult();

    public void Stop() => _completed.TrySetCanceled();

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        if (_hasWritten)
        {
            throw new InvalidOperationException("The connection was lost after messages had been written; the call cannot be sent again.");
        }

        _stream = stream;
        _opened.TrySetResult();

        // Sends the headers now and not with the first message.
        await stream.FlushAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // When the server resets the stream the handler cancels this body, and a failure here would hide the server's: that
        // one ends the call, and the call ends this.
        await _completed.Task;
    }

    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }
}
