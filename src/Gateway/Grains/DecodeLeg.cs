using Grpc.Core;
using KvCluster.Gateway.Admission;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>One request on one decode worker.</summary>
internal sealed class DecodeLeg(RequestServices services, string requestId, WorkerCall watched, PrefillHandover? handover)
{
    /// <summary>Called for each event, in order.</summary>
    public required Func<DecodeEvent, Task> OnEvent { get; init; }

    /// <summary>Throws only when the request is cancelled.</summary>
    public async Task<DecodeOutcome> RunAsync(DecodeStart start, CancellationToken cancellationToken)
    {
        using AsyncDuplexStreamingCall<DecodeCommand, DecodeEvent> call =
            services.Clients.Decode(watched.Placement.Worker.Address).Decode(cancellationToken: watched.Token);
        Task commands = SendAsync(call, start);
        try
        {
            return await ReceiveAsync(call);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            return watched.IsEnded ? default : await ClassifyAsync(e);
        }
        finally
        {
            watched.End();
            await commands;
        }
    }

    private async Task<DecodeOutcome> ReceiveAsync(AsyncDuplexStreamingCall<DecodeCommand, DecodeEvent> call)
    {
        await foreach (DecodeEvent decodeEvent in call.ResponseStream.ReadAllAsync(watched.Token))
        {
            watched.NoteWord();
            await OnEvent(decodeEvent);
            if (decodeEvent is { EventCase: DecodeEvent.EventOneofCase.Tokens, Tokens.FinishReason: not FinishReason.Unspecified })
            {
                return DecodeOutcome.Finished(decodeEvent.Tokens.FinishReason);
            }
        }

        throw new RpcException(new Status(StatusCode.Unavailable, "the stream ended before the answer did"));
    }

    /// <summary>A broken call shows in its replies: here it is only the end of sending.</summary>
    private async Task SendAsync(AsyncDuplexStreamingCall<DecodeCommand, DecodeEvent> call, DecodeStart start)
    {
        try
        {
            await call.RequestStream.WriteAsync(new DecodeCommand { Start = start }, watched.Token);
            if (handover is not null)
            {
                int? first = await handover.FirstToken.WaitAsync(watched.Token);
                if (first is int tokenId)
                {
                    var command = new DecodeCommand { FirstToken = new DecodeFirstToken { TokenId = tokenId } };
                    await call.RequestStream.WriteAsync(command, watched.Token);
                }

                await handover.Done.WaitAsync(watched.Token);
                var done = new DecodeCommand { PrefillDone = new DecodePrefillDone { Failed = first is null } };
                await call.RequestStream.WriteAsync(done, watched.Token);
            }

            await call.RequestStream.CompleteAsync();
        }
        catch (Exception e) when (e is RpcException or OperationCanceledException or InvalidOperationException or IOException)
        {
            Log.CommandNotSent(services.Logger, requestId, watched.Placement.Worker.WorkerId, e.Message);
        }
    }

    private async Task<DecodeOutcome> ClassifyAsync(Exception e)
    {
        string workerId = watched.Placement.Worker.WorkerId;
        string what = watched.Describe(e);
        Log.DecodeFailed(services.Logger, requestId, workerId, what);
        if (watched.IsLoss(e))
        {
            await watched.SuspectAsync();
        }

        return e is RpcException rpc ? rpc.StatusCode switch
        {
            StatusCode.InvalidArgument => DecodeOutcome.Refused(
                new RequestError { Kind = RequestErrorKind.InvalidArgument, Message = rpc.Status.Detail }),
            StatusCode.ResourceExhausted => DecodeOutcome.Lost(RequestError.Overloaded($"decode workers are full: {rpc.Status.Detail}")),
            _ => DecodeOutcome.Lost(RequestError.Unavailable($"decode worker {workerId} failed: {what}")),
        }
        : DecodeOutcome.Lost(RequestError.Unavailable($"decode worker {workerId} failed: {what}"));
    }
}
