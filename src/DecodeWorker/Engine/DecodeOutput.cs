using KvCluster.Inference.Engine;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Engine;

/// <summary>One thing that the engine has to say of a Sequence.</summary>
/// <param name="TokenId">A new token; negative: the KV of the prompt is complete.</param>
/// <param name="Logprob">Null when none was asked for.</param>
/// <param name="End">Other than None: nothing follows.</param>
internal readonly record struct DecodeOutput(int TokenId, TokenLogprob? Logprob, SequenceEnd End)
{
    public static DecodeOutput Ready { get; } = new(-1, null, SequenceEnd.None);

    public bool IsReady => TokenId < 0;
}
