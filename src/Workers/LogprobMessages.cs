using KvCluster.Inference.Sampling;

namespace KvCluster.Workers;

/// <summary>Log-probabilities as messages.</summary>
internal static class LogprobMessages
{
    public static V1.TokenLogprob From(in SampledToken token)
    {
        var message = new V1.TokenLogprob { TokenId = token.Id, Logprob = token.Logprob };
        foreach (var top in token.TopLogprobs)
        {
            message.Top.Add(new V1.TopLogprob { TokenId = top.Id, Logprob = top.Logprob });
        }

        return message;
    }
}
