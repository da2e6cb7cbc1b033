using KvCluster.V1;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>The first token of a Sequence, and what it took.</summary>
/// <param name="TokenId">The token.</param>
/// <param name="Logprob">Null when none was asked for.</param>
/// <param name="ComputedTokenCount">Prompt tokens computed here.</param>
/// <param name="StartedAt">Timestamp of the first step that it was part of.</param>
/// <param name="SampledAt">Timestamp at which the token was there.</param>
internal sealed record PrefillSample(int TokenId, TokenLogprob? Logprob, int ComputedTokenCount, long StartedAt, long SampledAt);
