using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Protocol.Streams;

/// <summary>A Put over a slab stream.</summary>
internal sealed class SlabPutCall : SlabCall, IClientStreamWriter<SlabFrame>
{
    private bool _hasBegun;
    private volatile bool _isEnding;

    // This end's End and the other's status: the connection is free after both.
    private int _openEndCount = 2;

    public SlabPutCall(SlabSocket connection, SlabConnectionPool pool, CancellationToken cancellationToken)
        : base(connection, pool, cancellationToken) => Response = ReceiveReplyAsync();

    /// <summary>How the shard answers, possibly before everything was sent.</summary>
    public Task<PutReply> Response { get; }

    public WriteOptions? WriteOptions { get; set; }

    /// <exception cref="RpcException">The call has ended.</exception>
    public async Task WriteAsync(SlabFrame message)
    {
        await ThrowIfEndedAsync();
        bool isFirst = !_hasBegun;
        _hasBegun = true;
        await SendAsync(Connection.SendAsync(message, isFirst));
    }

    public async Task CompleteAsync()
    {
        await ThrowIfEndedAsync();
        _isEnding = true;
        await SendAsync(Connection.SendAsync(SlabMessageKind.End, default));
        CloseEnd();
    }

    private async ValueTask SendAsync(ValueTask sending)
    {
        try
        {
            await sending;
        }
        catch (Exception error) when (IsOfConnection(error))
        {
            await ThrowIfEndedAsync();
            throw Failure(error);
        }
    }

    private async ValueTask ThrowIfEndedAsync()
    {
        if (Response.IsCompleted)
        {
            await Response;
            throw new InvalidOperationException("The call has ended.");
        }
    }

    private async Task<PutReply> ReceiveReplyAsync()
    {
        try
        {
            SlabMessage? message = await Connection.ReceiveAsync();
            PutReply reply = message switch
            {
                { Kind: SlabMessageKind.Status } end => End(end) ?? throw new InvalidDataException("the store ended a Put without a reply"),
                null => throw new IOException("it was closed"),
                { } other => throw Unexpected(other),
            };
            if (!_isEnding)
            {
                throw new InvalidDataException("the store ended a Put before its End");
            }

            CloseEnd();
            return reply;
        }
        catch (Exception error) when (IsOfConnection(error))
        {
            throw Failure(error);
        }
    }

    private static InvalidDataException Unexpected(in SlabMessage message)
    {
        message.Slab?.Dispose();
        return new InvalidDataException($"the store sent {message.Kind} in a Put");
    }

    private void CloseEnd()
    {
        if (Interlocked.Decrement(ref _openEndCount) == 0)
        {
            Release();
        }
    }
}
