namespace KvCluster.Inference.Sampling;

/// <summary>The limits of <see cref="SamplingParameters"/>. NaN fails every range.</summary>
internal static class SamplingValidation
{
    public static IReadOnlyList<SamplingError> Validate(SamplingParameters parameters, int? vocabularySize)
    {
        var errors = new List<SamplingError>();
        void Check(bool isValid, string field, string message)
        {
            if (!isValid)
            {
                errors.Add(new SamplingError(field, message));
            }
        }

        bool IsId(int id) => id >= 0 && (vocabularySize is not { } size || id < size);
        var idRange = vocabularySize is { } limit ? $"0 to {limit - 1}" : "0 and above";

        Check(parameters.MaxTokens >= 1, "max_tokens", $"must be at least 1, is {parameters.MaxTokens}");
        Check(parameters.Temperature is >= 0 and <= 100, "temperature", $"must be from 0 to 100, is {parameters.Temperature}");
        Check(parameters.TopK >= 0, "top_k", $"must be 0 (all) or above, is {parameters.TopK}");
        Check(parameters.TopP is > 0 and <= 1, "top_p", $"must be above 0 and at most 1, is {parameters.TopP}");
        Check(parameters.MinP is >= 0 and <= 1, "min_p", $"must be from 0 to 1, is {parameters.MinP}");
        Check(
            parameters.RepetitionPenalty is > 0 and <= 100, "repetition_penalty", $"must be above 0 and at most 100, is {parameters.RepetitionPenalty}");
        Check(parameters.PresencePenalty is >= -2 and <= 2, "presence_penalty", $"must be from -2 to 2, is {parameters.PresencePenalty}");
        Check(parameters.FrequencyPenalty is >= -2 and <= 2, "frequency_penalty", $"must be from -2 to 2, is {parameters.FrequencyPenalty}");
        Check(
            parameters.LogprobCount is null or (>= 0 and <= SamplingParameters.MaxLogprobCount),
            "logprobs",
            $"must be from 0 to {SamplingParameters.MaxLogprobCount}, is {parameters.LogprobCount}");
        CheckStopStrings(parameters, Check);
        if (!parameters.StopTokenIds.IsDefault)
        {
            foreach (var id in parameters.StopTokenIds)
            {
                Check(IsId(id), "stop_token_ids", $"ids are {idRange}, one is {id}");
            }
        }

        CheckLogitBias(parameters, Check, IsId, idRange);
        return errors;
    }

    private static void CheckStopStrings(SamplingParameters parameters, Action<bool, string, string> check)
    {
        if (parameters.StopStrings.IsDefault)
        {
            return;
        }

        var count = parameters.StopStrings.Length;
        check(count <= SamplingParameters.MaxStopStringCount, "stop", $"at most {SamplingParameters.MaxStopStringCount} texts, got {count}");
        foreach (var text in parameters.StopStrings)
        {
            check(!string.IsNullOrEmpty(text), "stop", "a text is empty");
            check(
                text is null || text.Length <= SamplingParameters.MaxStopStringLength,
                "stop",
                $"a text is longer than {SamplingParameters.MaxStopStringLength} characters");
        }
    }

    private static void CheckLogitBias(
        SamplingParameters parameters, Action<bool, string, string> check, Func<int, bool> isId, string idRange)
    {
        var count = parameters.LogitBias.Count;
        check(count <= SamplingParameters.MaxLogitBiasCount, "logit_bias", $"at most {SamplingParameters.MaxLogitBiasCount} entries, got {count}");
        foreach (var (id, bias) in parameters.LogitBias)
        {
            check(isId(id), "logit_bias", $"ids are {idRange}, one is {id}");
            check(bias is >= -100 and <= 100, "logit_bias", $"values are from -100 to 100, that of {id} is {bias}");
        }
    }
}
