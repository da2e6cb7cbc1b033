using KvCluster.Compression.Blocks;
using KvCluster.Compression.Saliency;

namespace KvCluster.Inference.Cache;

/// <summary>
/// Queries of a Sequence's probe rows in 16 bits, rotated, all heads: those of the open Block until it is encoded, and in the papers' mode
/// those of the prompt until its Blocks are.
/// </summary>
internal sealed class ProbeStore(SaliencyRule rule, int layerCount, int queryWidth)
{
    private readonly Half[] _open = new Half[layerCount * rule.BlockProbes.Count * queryWidth];
    private Half[] _prompt = [];

    public BlockProbes BlockProbes => rule.BlockProbes;

    /// <summary>Halves of a row.</summary>
    public int QueryWidth => queryWidth;

    /// <summary>Probe rows of the prompt, ascending positions; empty outside of the papers' mode.</summary>
    public int[] PromptRows { get; private set; } = [];

    /// <summary>Probe <paramref name="index"/> of the open Block.</summary>
    public Span<Half> Open(int layer, int index) => _open.AsSpan(((layer * BlockProbes.Count) + index) * queryWidth, queryWidth);

    /// <summary>All probes of the open Block in a layer.</summary>
    public Span<Half> Open(int layer) => _open.AsSpan(layer * BlockProbes.Count * queryWidth, BlockProbes.Count * queryWidth);

    /// <summary>Probe <paramref name="index"/> of the prompt.</summary>
    public Span<Half> Prompt(int layer, int index) => _prompt.AsSpan(((layer * PromptRows.Length) + index) * queryWidth, queryWidth);

    public void BeginPrompt(int tokenCount)
    {
        PromptRows = ProbeRows.Draw(tokenCount, rule.ProbeFraction, (ulong)tokenCount);
        _prompt = new Half[layerCount * PromptRows.Length * queryWidth];
    }

    public void EndPrompt()
    {
        PromptRows = [];
        _prompt = [];
    }

    /// <summary>Bytes of the open Block's probes among its first tokens, as they follow a Tail.</summary>
    public static int TailSizeBytes(SaliencyRule? rule, int queryWidth, int firstPosition, int tokenCount) => rule is null
        ? 0
        : rule.BlockProbes.CountBelow(firstPosition / KvGeometry.BlockTokenCount, tokenCount) * queryWidth * sizeof(ushort);
}
