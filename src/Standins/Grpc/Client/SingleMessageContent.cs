using System.Net;

namespace Grpc.Net.Client;

/// <summary>A request body of one message. It may be asked for twice, when a connection fails before the server saw the call.</summary>
internal sealed class SingleMessageContent : HttpContent
{
    private readonly RequestFrame _frame;
    private readonly Lock _lock = new();
    private int _sending;
    private TaskCompletionSource? _whenClosed;
    private bool _closed;

    public SingleMessageContent(RequestFrame frame)
    {
        _frame = frame;
        Headers.ContentType = CallRequest.ContentType;
    }

    /// <summary>No further sending will start; the buffer goes back once nothing reads it.</summary>
    public void Close() => Settle(0, close: true);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_closed, this);
            _sending++;
        }

        try
        {
            await stream.WriteAsync(_frame.Bytes, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            // When the server resets the stream the handler cancels this body; the server's error must come first.
            await WhenClosed();
            throw;
        }
        finally
        {
            Settle(1, close: false);
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = -1;
        return false;
    }

    private Task WhenClosed()
    {
        lock (_lock)
        {
            return _closed
                ? Task.CompletedTask
                : (_whenClosed ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    private void Settle(int finished, bool close)
    {
        lock (_lock)
        {
            _sending -= finished;
            _closed |= close;
            if (_closed)
            {
                _whenClosed?.TrySetResult();
            }

            if (_closed && _sending == 0)
            {
                _frame.Release();
            }
        }
    }
}
