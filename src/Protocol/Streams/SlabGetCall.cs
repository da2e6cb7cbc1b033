using Google.Protobuf;
using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Protocol.Streams;

/// <summary>A Get over a slab stream.</summary>
internal sealed class SlabGetCall(GetRequest request, SlabSocket connection, SlabConnectionPool pool, CancellationToken cancellationToken)
    : SlabCall(connection, pool, cancellationToken), IAsyncStreamReader<SlabFrame>
{
    private readonly Task _begun = connection.SendAsync(SlabMessageKind.Get, request.ToByteArray()).AsTask();
    private bool _hasEnded;

    public SlabFrame Current { get; private set; } = null!;

    public async Task<bool> MoveNext(CancellationToken cancellationToken)
    {
        if (_hasEnded)
        {
            return false;
        }

        try
        {
            await _begun;
            SlabMessage message = await Connection.ReceiveAsync(cancellationToken) ?? throw new IOException("it was closed");
            if (message.Kind == SlabMessageKind.Frame)
            {
                Current = message.ToFrame();
                return true;
            }

            _hasEnded = true;
            return message.Kind == SlabMessageKind.Status
                ? EndOfFrames(message)
                : throw new InvalidDataException($"the store sent {message.Kind} in a Get");
        }
        catch (Exception error) when (IsOfConnection(error))
        {
            _hasEnded = true;
            throw Failure(error);
        }
    }

    private bool EndOfFrames(in SlabMessage message)
    {
        if (End(message) is not null)
        {
            throw new InvalidDataException("the store ended a Get with the reply to a Put");
        }

        Release();
        return false;
    }
}
