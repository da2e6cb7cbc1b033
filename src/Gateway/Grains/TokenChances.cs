using KvCluster.V1;

namespace KvCluster.Gateway.Grains;

/// <summary>Log-probabilities between messages and grain types.</summary>
internal static class TokenChances
{
    public static TokenChance Of(TokenLogprob logprob) => new()
    {
        TokenId = logprob.TokenId,
        Logprob = logprob.Logprob,
        TopTokenIds = [.. logprob.Top.Select(top => top.TokenId)],
        TopLogprobs = [.. logprob.Top.Select(top => top.Logprob)],
    };

    public static TokenLogprob ToMessage(this TokenChance chance)
    {
        var message = new TokenLogprob { TokenId = chance.TokenId, Logprob = chance.Logprob };
        message.Top.AddRange(chance.TopTokenIds.Zip(
            chance.TopLogprobs, (id, logprob) => new TopLogprob { TokenId = id, Logprob = logprob }));
        return message;
    }
}
