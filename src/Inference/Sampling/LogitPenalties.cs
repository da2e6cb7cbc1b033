namespace KvCluster.Inference.Sampling;

/// <summary>Logit bias and penalties, in place.</summary>
internal static class LogitPenalties
{
    /// <summary>True when a logit may have changed.</summary>
    public static bool Apply(Span<float> logits, SamplingParameters parameters, TokenCounts? counts)
    {
        var hasBias = parameters.LogitBias.Count > 0;
        if (hasBias)
        {
            foreach (var (id, bias) in parameters.LogitBias)
            {
                if ((uint)id < (uint)logits.Length)
                {
                    logits[id] += bias;
                }
            }
        }

        if (!parameters.HasPenalties || counts is null)
        {
            return hasBias;
        }

        foreach (var (id, generatedCount) in counts.Counts)
        {
            if ((uint)id >= (uint)logits.Length)
            {
                continue;
            }

            ref var logit = ref logits[id];
            logit = logit > 0 ? logit / parameters.RepetitionPenalty : logit * parameters.RepetitionPenalty;
            if (generatedCount > 0)
            {
                logit -= parameters.PresencePenalty + (parameters.FrequencyPenalty * generatedCount);
            }
        }

        return true;
    }
}
