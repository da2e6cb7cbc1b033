using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends;

/// <summary>The part of an entry's new tokens that falls into one Block.</summary>
internal struct StepSegment
{
    public SequenceCache Cache;

    /// <summary>Index of the entry in the batch.</summary>
    public int Entry;

    /// <summary>First of its rows in the activations.</summary>
    public int FirstRow;

    public int TokenCount;

    /// <summary>Index of the Block in the Sequence: as many sealed Blocks come before it.</summary>
    public int BlockIndex;

    /// <summary>Column of its first token in the Block.</summary>
    public int FirstColumn;

    /// <summary>The Block that these tokens fill up; null when it stays open.</summary>
    public KvBlock? Sealed;

    /// <summary>Where its K and V of a layer stand in 16 bits: a slot of scratch, or -1 for the cache's open Block.</summary>
    public int Slot;

    public readonly int EndColumn => FirstColumn + TokenCount;

    /// <summary>One token that fills no Block: nobody but its own attention reads its K and V in this step.</summary>
    public readonly bool AppendsInAttention => TokenCount == 1 && Sealed is null;
}
