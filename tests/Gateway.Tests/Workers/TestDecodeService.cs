using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>Follows decode.proto with the script in place of a model.</summary>
internal sealed class TestDecodeService(WorkerBehavior behavior) : Decode.DecodeBase
{
    public override async Task Decode(
        IAsyncStreamReader<DecodeCommand> requestStream, IServerStreamWriter<DecodeEvent> responseStream, ServerCallContext context)
    {
        behavior.Enter();
        try
        {
            await RunAsync(requestStream, responseStream, context);
        }
        finally
        {
            behavior.Leave();
        }
    }

    internal static TokenLogprob? LogprobOf(int tokenId, Sampling sampling)
    {
        if (!sampling.HasLogprobs)
        {
            return null;
        }

        var logprob = new TokenLogprob { TokenId = tokenId, Logprob = -0.5f };
        for (int i = 0; i < sampling.Logprobs; i++)
        {
            logprob.Top.Add(new TopLogprob { TokenId = tokenId + i, Logprob = -0.5f - i });
        }

        return logprob;
    }

    private async Task RunAsync(
        IAsyncStreamReader<DecodeCommand> requestStream, IServerStreamWriter<DecodeEvent> responseStream, ServerCallContext context)
    {
        Assert.True(await requestStream.MoveNext(context.CancellationToken));
        DecodeStart start = requestStream.Current.Start;
        behavior.Decodes.Enqueue(start);
        await FaultAsync(0, context);
        var tokens = new List<int>(start.TokenIds);
        if (!start.LocalPrefill)
        {
            await TakeInAsync(requestStream, tokens, context);
        }

        if (behavior.ReadyGate is { } gate)
        {
            await gate.Task.WaitAsync(context.CancellationToken);
        }

        await responseStream.WriteAsync(new DecodeEvent
        {
            Ready = new DecodeReady { KvTokensReceived = start.LocalPrefill ? start.CachedBlockCount * 64 : start.TokenIds.Count, KvBytesReceived = 900 },
        });
        await DecodeAsync(start, tokens, responseStream, context);
    }

    private async Task TakeInAsync(IAsyncStreamReader<DecodeCommand> requestStream, List<int> tokens, ServerCallContext context)
    {
        while (await requestStream.MoveNext(context.CancellationToken))
        {
            if (requestStream.Current.CommandCase == DecodeCommand.CommandOneofCase.FirstToken)
            {
                tokens.Add(requestStream.Current.FirstToken.TokenId);
            }
            else
            {
                behavior.PrefillDones.Enqueue(requestStream.Current.PrefillDone);
                return;
            }
        }

        throw new RpcException(new Status(StatusCode.InvalidArgument, "commands ended before prefill was done"));
    }

    private async Task DecodeAsync(
        DecodeStart start, List<int> tokens, IServerStreamWriter<DecodeEvent> responseStream, ServerCallContext context)
    {
        int end = start.PromptTokenCount + start.Sampling.MaxTokens;
        int sentCount = 0;
        while (tokens.Count < end)
        {
            if (behavior.TokenGate is { } gate)
            {
                await gate.WaitAsync(context.CancellationToken);
            }

            int next = behavior.Script.Next(tokens, start.PromptTokenCount);
            tokens.Add(next);
            var decoded = new DecodeTokens
            {
                FinishReason = start.Sampling.StopTokenIds.Contains(next) ? FinishReason.Stop
                    : tokens.Count == end ? FinishReason.Length
                    : FinishReason.Unspecified,
            };
            decoded.TokenIds.Add(next);
            if (LogprobOf(next, start.Sampling) is { } logprob)
            {
                decoded.Logprobs.Add(logprob);
            }

            await responseStream.WriteAsync(new DecodeEvent { Tokens = decoded });
            if (decoded.FinishReason != FinishReason.Unspecified)
            {
                return;
            }

            await FaultAsync(++sentCount, context);
        }
    }

    private async Task FaultAsync(int tokenCount, ServerCallContext context)
    {
        if (behavior.Fault != WorkerFault.None && behavior.FaultAfterTokens == tokenCount)
        {
            await Faults.StrikeAsync(behavior.Fault, context);
        }
    }
}
