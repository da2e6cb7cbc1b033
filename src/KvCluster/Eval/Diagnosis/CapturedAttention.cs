using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>What one prompt and its answer gave to compare attention on.</summary>
/// <param name="Blocks">Sealed Blocks of the prompt, encoded by a <see cref="ContrastCodec"/>; owned by the cache of the run.</param>
/// <param name="Queries">Of the answer's tokens, by layer and head.</param>
internal sealed record CapturedAttention(IReadOnlyList<KvBlock> Blocks, IReadOnlyList<CapturedQueries> Queries)
{
    /// <summary>False: the prompt did not fill a Block, or the answer is a single token.</summary>
    public bool IsUsable => Blocks.Count > 0 && Queries.Count > 0;
}
