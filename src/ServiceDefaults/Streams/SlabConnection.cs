using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Protocol.Streams;
using KvCluster.V1;
using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>The serving end of one connection: calls one after the other, each ended by a status.</summary>
/// <param name="socket">The connection.</param>
/// <param name="socketId">Who listens at the Unix socket that it came over; empty over TCP.</param>
/// <param name="calls">What is served.</param>
/// <param name="onBroken">Called when what came was no message, or not one that may come then.</param>
/// <param name="logger">Says so.</param>
internal sealed class SlabConnection(SlabSocket socket, ReadOnlyMemory<byte> socketId, ISlabCalls calls, Action onBroken, ILogger logger) : IDisposable
{
    /// <summary>For a client that was refused to read why.</summary>
    private static readonly TimeSpan GentleCloseTime = TimeSpan.FromSeconds(2);

    /// <summary>Whether it came over a Unix socket.</summary>
    public bool IsLocal => !socketId.IsEmpty;

    /// <summary>Serves calls until the client closes the connection or breaks the protocol; after <paramref name="stopping"/>, only the one that runs.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await socket.GreetAsync(socketId, stopping);
            if (await ServeAsync(stopping) is { } refusal)
            {
                await EndAsync(refusal);
            }
        }
        catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client is gone, or the host stops: nobody is left to tell.
        }
        catch (InvalidDataException error)
        {
            NoteBroken(error);
        }
    }

    public void Dispose() => socket.Dispose();

    /// <summary>Serves calls until the last.</summary>
    /// <returns>How that one ended, when the client has not been told and the connection can't carry another.</returns>
    private async Task<SlabStreamStatus?> ServeAsync(CancellationToken stopping)
    {
        try
        {
            SlabMessage? next = await socket.ReceiveAsync(stopping);
            while (next is { } message)
            {
                if (socket.IsLending)
                {
                    message.Slab?.Dispose();
                    throw new InvalidDataException("a client began a call before it had taken what the last one lent it");
                }

                switch (message.Kind)
                {
                    case SlabMessageKind.Get:
                        next = await ServeGetAsync(message, stopping);
                        break;
                    case SlabMessageKind.Frame:
                    case SlabMessageKind.End:
                        if (await ServePutAsync(message) is { } refusal)
                        {
                            return refusal;
                        }

                        next = stopping.IsCancellationRequested ? null : await socket.ReceiveAsync(stopping);
                        break;
                    default:
                        throw new InvalidDataException($"a client sent {message.Kind}");
                }
            }

            return null;
        }
        catch (Exception error) when (error is InvalidDataException or InvalidProtocolBufferException)
        {
            // The client learns that it was not understood, and may ask again; that it broke off would look like a shard that is down.
            NoteBroken(error);
            return new SlabStreamStatus { Code = (int)StatusCode.Internal, Detail = error.Message };
        }
    }

    /// <summary>Null when the Put has ended and the client knows how; else what is to end it, before its End.</summary>
    private async Task<SlabStreamStatus?> ServePutAsync(SlabMessage first)
    {
        var reader = new SlabFrameReader(socket, first);
        SlabStreamStatus status;
        try
        {
            status = new SlabStreamStatus { PutReply = await calls.PutAsync(reader, CancellationToken.None) };
        }
        catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException or InvalidDataException))
        {
            status = Describe(error);
        }
        finally
        {
            reader.Dispose();
        }

        if (!reader.HasEnded)
        {
            return status;
        }

        await socket.SendAsync(SlabMessageKind.Status, status.ToByteArray());
        return null;
    }

    /// <summary>The message that begins the next call; null when there is none.</summary>
    private async Task<SlabMessage?> ServeGetAsync(SlabMessage message, CancellationToken stopping)
    {
        GetRequest request = GetRequest.Parser.ParseFrom(message.Extra);
        using var interrupted = new CancellationTokenSource();

        // A client says nothing during a Get: what comes is the end of the connection, or breaks the protocol.
        Task<SlabMessage?> heard = HearAsync(interrupted);
        bool wasInterrupted;
        try
        {
            SlabStreamStatus status = await GetAsync(request, interrupted.Token);
            wasInterrupted = interrupted.IsCancellationRequested;
            if (!wasInterrupted)
            {
                await socket.SendAsync(SlabMessageKind.Status, status.ToByteArray(), CancellationToken.None);
            }
        }
        catch
        {
            socket.Dispose();
            (await heard)?.Slab?.Dispose();
            throw;
        }

        if (wasInterrupted)
        {
            // Half a slab may be on its way: no status can follow it.
            socket.Dispose();
        }

        // A client may keep its connection for the next call; a host that stops does not wait for one.
        await using CancellationTokenRegistration enough = stopping.UnsafeRegister(_ => socket.Dispose(), null);
        SlabMessage? next = await heard;
        if (next is { } early && (wasInterrupted || stopping.IsCancellationRequested))
        {
            early.Slab?.Dispose();
            return wasInterrupted ? throw new InvalidDataException($"a client sent {early.Kind} in a Get") : null;
        }

        return next;
    }

    private async Task<SlabStreamStatus> GetAsync(GetRequest request, CancellationToken interrupted)
    {
        try
        {
            await calls.GetAsync(request, new SlabFrameWriter(socket), interrupted);
            return new SlabStreamStatus();
        }
        catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException))
        {
            return interrupted.IsCancellationRequested ? new SlabStreamStatus() : Describe(error);
        }
    }

    /// <summary>The next message, null when there is none; whatever comes, <paramref name="interrupted"/> is cancelled, for a Get that still runs.</summary>
    /// <exception cref="InvalidDataException">What came is no message.</exception>
    private async Task<SlabMessage?> HearAsync(CancellationTokenSource interrupted)
    {
        try
        {
            return await socket.ReceiveAsync();
        }
        catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException)
        {
            // As good as closed.
            return null;
        }
        finally
        {
            await interrupted.CancelAsync();
        }
    }

    private async Task EndAsync(SlabStreamStatus status)
    {
        await socket.SendAsync(SlabMessageKind.Status, status.ToByteArray());

        // The client may be in the middle of a slab: closing at once would reset the connection before it has read the status.
        using var limit = new CancellationTokenSource(GentleCloseTime);
        await socket.CloseGentlyAsync(limit.Token);
    }

    private void NoteBroken(Exception error)
    {
        Log.ConnectionClosed(logger, error.Message);
        onBroken();
    }

    private SlabStreamStatus Describe(Exception error)
    {
        if (error is not RpcException rpc)
        {
            Log.CallFailed(logger, error);
            return new SlabStreamStatus { Code = (int)StatusCode.Unknown, Detail = "the call failed; the log of whoever served it says why" };
        }

        var status = new SlabStreamStatus { Code = (int)rpc.StatusCode, Detail = rpc.Status.Detail };
        foreach (Metadata.Entry entry in rpc.Trailers.Where(entry => !entry.IsBinary))
        {
            status.Trailers[entry.Key] = entry.Value;
        }

        return status;
    }
}
