using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.Gateway.Tests.Workers;

/// <summary>Samples the script's first token; FaultAfterTokens 0 fails before it, 1 after it.</summary>
internal sealed class TestPrefillService(WorkerBehavior behavior) : Prefill.PrefillBase
{
    public override async Task Prefill(PrefillRequest request, IServerStreamWriter<PrefillEvent> responseStream, ServerCallContext context)
    {
        behavior.Prefills.Enqueue(request);
        behavior.Enter();
        try
        {
            await FaultAsync(0, context);
            await (behavior.ReadyGate?.Task ?? Task.CompletedTask).WaitAsync(context.CancellationToken);
            int[] tokens = [.. request.TokenIds];
            int first = behavior.Script.Next(tokens, tokens.Length);
            await responseStream.WriteAsync(new PrefillEvent
            {
                FirstToken = new PrefillFirstToken
                {
                    TokenId = first,
                    CachedTokens = request.CachedBlockCount * 64,
                    ComputedTokens = tokens.Length - request.CachedBlockCount * 64,
                    Logprob = TestDecodeService.LogprobOf(first, request.Sampling),
                },
            });
            await FaultAsync(1, context);
            await responseStream.WriteAsync(new PrefillEvent { Done = new PrefillDone { KvBytesSent = 1000 } });
        }
        finally
        {
            behavior.Leave();
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
