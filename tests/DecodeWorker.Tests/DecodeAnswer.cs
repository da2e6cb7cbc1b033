using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Tests;

/// <summary>All that a Decode call said.</summary>
internal sealed record DecodeAnswer(DecodeReady Ready, int[] TokenIds, FinishReason Reason, TokenLogprob[] Logprobs)
{
    public static async Task<DecodeAnswer> ReadAsync(IAsyncStreamReader<DecodeEvent> events, CancellationToken cancellationToken)
    {
        DecodeReady? ready = null;
        var tokenIds = new List<int>();
        var logprobs = new List<TokenLogprob>();
        var reason = FinishReason.Unspecified;
        while (await events.MoveNext(cancellationToken))
        {
            var message = events.Current;
            Assert.Equal(FinishReason.Unspecified, reason);
            if (message.Ready is not null)
            {
                Assert.Null(ready);
                Assert.Empty(tokenIds);
                ready = message.Ready;
            }
            else
            {
                tokenIds.AddRange(message.Tokens.TokenIds);
                logprobs.AddRange(message.Tokens.Logprobs);
                reason = message.Tokens.FinishReason;
            }
        }

        Assert.NotEqual(FinishReason.Unspecified, reason);
        return new DecodeAnswer(ready ?? new DecodeReady(), [.. tokenIds], reason, [.. logprobs]);
    }
}
