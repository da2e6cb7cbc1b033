using System.Runtime.InteropServices;

namespace KvCluster.Inference.Sampling;

/// <summary>
/// How often each token occurs in one Sequence, for penalties. Rebuilt from the token ids when a Sequence migrates.
/// Costs memory by distinct token, not by vocabulary.
/// </summary>
public sealed class TokenCounts
{
    /// <summary>Generated count by id; prompt tokens are present with 0.</summary>
    private readonly Dictionary<int, int> _counts = [];

    /// <summary>Distinct tokens seen.</summary>
    public int DistinctCount => _counts.Count;

    internal Dictionary<int, int> Counts => _counts;

    public void AddPrompt(ReadOnlySpan<int> ids)
    {
        foreach (var id in ids)
        {
            _counts.TryAdd(id, 0);
        }
    }

    public void AddGenerated(int id) => CollectionsMarshal.GetValueRefOrAddDefault(_counts, id, out _)++;

    public int GetGeneratedCount(int id) => _counts.GetValueOrDefault(id);

    public void Clear() => _counts.Clear();
}
