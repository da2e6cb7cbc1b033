using KvCluster.Gateway.Admission;
using KvCluster.Inference.Sampling;

namespace KvCluster.Gateway.Generation;

/// <summary>The limits of a sampling message.</summary>
internal static class SamplingRules
{
    /// <exception cref="RequestFailedException">Names the first field that is out of its limits.</exception>
    public static void Check(V1.Sampling sampling, int vocabularySize)
    {
        var parameters = new SamplingParameters
        {
            MaxTokens = sampling.HasMaxTokens ? sampling.MaxTokens : 1,
            Temperature = sampling.HasTemperature ? sampling.Temperature : 1,
            TopK = sampling.TopK,
            TopP = sampling.HasTopP ? sampling.TopP : 1,
            MinP = sampling.MinP,
            RepetitionPenalty = sampling.HasRepetitionPenalty ? sampling.RepetitionPenalty : 1,
            PresencePenalty = sampling.PresencePenalty,
            FrequencyPenalty = sampling.FrequencyPenalty,
            StopStrings = [.. sampling.Stop],
            StopTokenIds = [.. sampling.StopTokenIds],
            IgnoreEos = sampling.IgnoreEos,
            LogprobCount = sampling.HasLogprobs ? sampling.Logprobs : null,
        };
        if (parameters.Validate(vocabularySize) is [var error, ..])
        {
            throw new RequestFailedException(RequestError.Invalid(error.Field, error.Message));
        }

        foreach (int id in sampling.ForcedTokenIds)
        {
            if ((uint)id >= (uint)vocabularySize)
            {
                throw new RequestFailedException(
                    RequestError.Invalid("forced_token_ids", $"ids are 0 to {vocabularySize - 1}, one is {id}"));
            }
        }
    }

    /// <summary>Most tokens that the answer may have: as asked, else what the context leaves.</summary>
    /// <exception cref="RequestFailedException">Prompt and answer do not fit the context.</exception>
    public static int MaxTokens(V1.Sampling sampling, int promptTokenCount, string promptField, int maxContextTokens)
    {
        int room = maxContextTokens - promptTokenCount;
        if (room < 1)
        {
            throw new RequestFailedException(RequestError.ContextTooLong(
                promptField, $"the prompt has {promptTokenCount} tokens, which leaves no room for an answer in the context of {maxContextTokens}"));
        }

        string field = sampling.ForcedTokenIds.Count > 0 ? "forced_token_ids" : "max_tokens";
        int wanted = sampling.ForcedTokenIds.Count > 0 ? sampling.ForcedTokenIds.Count : sampling.HasMaxTokens ? sampling.MaxTokens : room;
        return wanted <= room ? wanted : throw new RequestFailedException(RequestError.ContextTooLong(
            field, $"{wanted} tokens after a prompt of {promptTokenCount} are over the context of {maxContextTokens}; at most {room} fit"));
    }
}
