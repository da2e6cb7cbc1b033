using System.Collections.Immutable;
using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>
/// Whether the first token already ends the answer: then nothing needs to be handed over. The same rule as the decode worker's.
/// </summary>
internal static class EndRule
{
    public static FinishReason AfterFirst(int tokenId, Sampling sampling, ImmutableArray<int> eosTokenIds)
    {
        if (sampling.ForcedTokenIds.Count > 0)
        {
            return sampling.ForcedTokenIds.Count == 1 ? FinishReason.Length : FinishReason.Unspecified;
        }

        bool isEnd = !sampling.IgnoreEos && eosTokenIds.Contains(tokenId);
        return isEnd || sampling.StopTokenIds.Contains(tokenId) ? FinishReason.Stop
            : sampling.MaxTokens == 1 ? FinishReason.Length
            : FinishReason.Unspecified;
    }
}
