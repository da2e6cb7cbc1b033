using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Backends;

/// <summary>What a device holds of KV: pages, each of one Block in all layers. Counts how many a Sequence and a step can need at most, so that who admits no more never meets a full pool.</summary>
/// <param name="SealedCount">Pages of sealed Blocks.</param>
/// <param name="OpenCount">16-bit pages of Blocks that are being filled; 0: those take pages of sealed Blocks and stay there.</param>
public readonly record struct DevicePages(int SealedCount, int OpenCount)
{
    private const int BlockTokenCount = KvGeometry.BlockTokenCount;

    /// <summary>Tokens of sealed Blocks.</summary>
    public long TokenCount => (long)SealedCount * BlockTokenCount;

    /// <summary>Pages of sealed Blocks of a Sequence of so many tokens; its open Block is among them where that has no page of its own.</summary>
    public int SequencePageCount(int tokenCount) => (tokenCount / BlockTokenCount) + (OpenCount == 0 ? 1 : 0);

    /// <summary>The most tokens of a step: it fills no more than half of the 16-bit pages. A multiple of a Block's tokens when it is less than asked for.</summary>
    public int StepTokens(int wanted) => OpenCount == 0 ? wanted : (int)Math.Min(wanted, (long)BlockTokenCount * Math.Max(1, OpenCount / 2));

    /// <summary>The most Sequences beside steps of so many tokens: each has one 16-bit page, and a step takes those of the Blocks that it fills until it ends.</summary>
    public int SequenceCount(int stepTokens) => OpenCount == 0 ? SealedCount : Math.Max(0, OpenCount - FilledPageCount(stepTokens));

    /// <summary>Blocks beyond the first of each Sequence that so many tokens can touch: the first may have room for one alone.</summary>
    private static int FilledPageCount(int stepTokens) => (stepTokens + BlockTokenCount - 2) / BlockTokenCount;
}
