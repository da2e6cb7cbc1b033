namespace KvCluster.Inference.Backends;

/// <summary>Consecutive tokens of a segment whose queries attend together.</summary>
/// <param name="Segment">Index of the segment.</param>
/// <param name="FirstToken">First token, counted from the segment's.</param>
/// <param name="TokenCount">Tokens.</param>
internal readonly record struct AttentionTile(int Segment, int FirstToken, int TokenCount);
