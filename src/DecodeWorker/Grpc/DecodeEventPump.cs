using Grpc.Core;
using KvCluster.DecodeWorker.Engine;
using KvCluster.Inference.Engine;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Grpc;

/// <summary>
/// Writes what the engine says of one Sequence to its call. Tokens that come while a write is under way go out together in the
/// next; one event object serves them all.
/// </summary>
internal sealed class DecodeEventPump(
    DecodeParts parts, DecodeSequence sequence, IServerStreamWriter<DecodeEvent> events, DecodeReady ready, long submittedAt)
{
    private readonly DecodeTokens _tokens = new();

    /// <exception cref="SequenceFailedException">The engine could not go on.</exception>
    public async Task RunAsync()
    {
        var tokensEvent = new DecodeEvent { Tokens = _tokens };
        while (await sequence.Outputs.WaitToReadAsync())
        {
            if (TakeTokens())
            {
                var computeTime = ready.ComputedTokens > 0 ? parts.Time.GetElapsedTime(submittedAt) : TimeSpan.Zero;
                ready.PrefillUs = (long)computeTime.TotalMicroseconds;
                await events.WriteAsync(new DecodeEvent { Ready = ready });
            }

            // The engine may have paused this Sequence while its tokens waited here.
            parts.Engine.Wake();
            if (_tokens.TokenIds.Count > 0)
            {
                parts.Metrics.RecordTokens(_tokens.TokenIds.Count);
                await events.WriteAsync(tokensEvent);
            }
        }
    }

    public static FinishReason Reason(SequenceEnd end) => end switch
    {
        SequenceEnd.None => FinishReason.Unspecified,
        SequenceEnd.Stop => FinishReason.Stop,
        _ => FinishReason.Length,
    };

    /// <summary>Collects the tokens that are waiting; true when the KV became complete before them.</summary>
    private bool TakeTokens()
    {
        var isReady = false;
        _tokens.TokenIds.Clear();
        _tokens.Logprobs.Clear();
        while (sequence.Outputs.TryRead(out var output))
        {
            if (output.IsReady)
            {
                isReady = true;
                continue;
            }

            _tokens.TokenIds.Add(output.TokenId);
            _tokens.FinishReason = Reason(output.End);
            if (output.Logprob is not null)
            {
                _tokens.Logprobs.Add(output.Logprob);
            }
        }

        return isReady;
    }
}
