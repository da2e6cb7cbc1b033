using System.Net.Sockets;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Protocol.Streams;
using KvCluster.V1;
using Microsoft.Extensions.Logging;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>The serving end of one connection: calls one after the other, each ended by a status.</summary>
internal sealed class SlabConnection(SlabSocket socket, ISlabCalls calls, ILogger logger) : IDisposable
{
    /// <summary>For a writer that was refused to read why.</summary>
    private static readonly TimeSpan GentleCloseTime = TimeSpan.FromSeconds(2);

    /// <summary>Serves calls until the client closes the connection or breaks the protocol; after <paramref name="stopping"/>, only the one that runs.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        try
        {
            await socket.GreetAsync(stopping);
            SlabMessage? next = await socket.ReceiveAsync(stopping);
            while (next is { } message)
            {
                bool goesOn;
                (goesOn, next) = message.Kind switch
                {
                    SlabMessageKind.Get => await ServeGetAsync(message, stopping),
                    SlabMessageKind.Frame or SlabMessageKind.End => await ServePutAsync(message),
                    _ => throw new InvalidDataException($"a client sent {message.Kind}"),
                };
                if (!goesOn || stopping.IsCancellationRequested)
                {
                    next?.Slab?.Dispose();
                    return;
                }

                next ??= await socket.ReceiveAsync(stopping);
            }
        }
        catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The client is gone, or the host stops: nobody is left to tell.
        }
        catch (Exception error) when (error is InvalidDataException or InvalidProtocolBufferException)
        {
            Log.ConnectionClosed(logger, error.Message);
        }
    }

    public void Dispose() => socket.Dispose();

    private async Task<(bool GoesOn, SlabMessage? Next)> ServePutAsync(SlabMessage first)
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

        await socket.SendAsync(SlabMessageKind.Status, status.ToByteArray());
        if (reader.HasEnded)
        {
            return (true, null);
        }

        // The writer may be in the middle of a slab: closing at once would reset the connection before it has read the status.
        using var limit = new CancellationTokenSource(GentleCloseTime);
        await socket.CloseGentlyAsync(limit.Token);
        return (false, null);
    }

    private async Task<(bool GoesOn, SlabMessage? Next)> ServeGetAsync(SlabMessage message, CancellationToken stopping)
    {
        GetRequest request = GetRequest.Parser.ParseFrom(message.Extra);
        using var gone = new CancellationTokenSource();

        // A client says nothing during a Get: what comes is the end of the connection.
        Task<SlabMessage?> heard = HearAsync(gone);
        SlabStreamStatus status;
        try
        {
            await calls.GetAsync(request, new SlabFrameWriter(socket), gone.Token);
            status = new SlabStreamStatus();
        }
        catch (OperationCanceledException) when (gone.IsCancellationRequested)
        {
            status = new SlabStreamStatus();
        }
        catch (Exception error) when (error is not (SocketException or IOException or ObjectDisposedException))
        {
            status = Describe(error);
        }
        catch
        {
            socket.Dispose();
            (await heard)?.Slab?.Dispose();
            throw;
        }

        if (!gone.IsCancellationRequested)
        {
            try
            {
                await socket.SendAsync(SlabMessageKind.Status, status.ToByteArray(), CancellationToken.None);
            }
            catch
            {
                socket.Dispose();
                (await heard)?.Slab?.Dispose();
                throw;
            }
        }

        // A client may keep its connection for the next call; a host that stops does not wait for one.
        await using CancellationTokenRegistration enough = stopping.UnsafeRegister(_ => socket.Dispose(), null);
        SlabMessage? next = await heard;
        return (next is not null, next);
    }

    /// <summary>The next message, null when there is none; whatever comes, <paramref name="gone"/> is cancelled, for a Get that still runs.</summary>
    private async Task<SlabMessage?> HearAsync(CancellationTokenSource gone)
    {
        SlabMessage? message = null;
        try
        {
            message = await socket.ReceiveAsync();
        }
        catch (Exception error) when (error is SocketException or IOException or ObjectDisposedException)
        {
            // As good as closed.
        }

        try
        {
            await gone.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // The Get had ended: this is the next call.
        }

        return message;
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
