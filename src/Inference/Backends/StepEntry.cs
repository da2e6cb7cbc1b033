using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Backends;

/// <summary>One Sequence's part in a step.</summary>
internal struct StepEntry
{
    public SequenceCache Cache;
    public ISlabSink? Sink;

    /// <summary>First of its tokens in the batch's token ids.</summary>
    public int FirstToken;

    public int TokenCount;
    public bool WantsLogits;
    public StepFailure Failure;

    /// <summary>Row of its first logits; -1 without.</summary>
    public int FirstLogitsRow;
}
