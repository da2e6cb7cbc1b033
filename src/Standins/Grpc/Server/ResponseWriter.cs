using System.Runtime.CompilerServices;
using Grpc.Core;

namespace Grpc.AspNetCore.Server;

/// <summary>Writes response messages, each sent off at once unless it carries BufferHint.</summary>
internal sealed class ResponseWriter<T>(ServerCall call, Action<T, SerializationContext> serializer) : IServerStreamWriter<T>
    where T : class
{
    public WriteOptions? WriteOptions
    {
        get => call.WriteOptions;
        set => call.WriteOptions = value;
    }

    public Task WriteAsync(T message) => WriteAsync(message, CancellationToken.None);

    public async Task WriteAsync(T message, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(message);
        cancellationToken.ThrowIfCancellationRequested();
        call.BeginWrite();
        try
        {
            await call.PutAsync(message, serializer, cancellationToken);
            if (((WriteOptions?.Flags ?? default) & WriteFlags.BufferHint) == 0)
            {
                await FlushAsync(cancellationToken);
            }
        }
        finally
        {
            call.EndWrite();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        // A flush that waits for the client's window must end with the call as well as with the caller's token.
        var body = call.HttpContext.Response.BodyWriter;
        if (cancellationToken.CanBeCanceled && cancellationToken != call.CancellationToken)
        {
            using var both = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, call.CancellationToken);
            await body.FlushAsync(both.Token);
        }
        else
        {
            await body.FlushAsync(call.CancellationToken);
        }

        // Kestrel drops what is written to a response whose client has gone, and reports success.
        call.CancellationToken.ThrowIfCancellationRequested();
    }
}
