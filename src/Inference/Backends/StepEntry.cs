using KvCluster.Inference.Cache;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Backends;

/// <summary>One Sequence's part in a step.</summary>
internal struct StepEntry
{
    public SequenceCache Cache;
    public ISlabSink? Sink;

    /// <summary>First of its tokens in the batch's token ids.</summary>
    public int FirstToken;

    /// <summary>First of its rows in the step; those of entries that are not computed count for none.</summary>
    public int FirstRow;

    public int TokenCount;
    public bool WantsLogits;

    /// <summary>Only the token that this draws is wanted of the logits, if the runner can say it.</summary>
    public TokenDraw? Draw;

    /// <summary>What was drawn; -1: nothing, and the logits are there.</summary>
    public int DrawnToken;
    public StepFailure Failure;

    /// <summary>Where K or V was not finite, when that is the failure.</summary>
    public int FailedLayer;

    /// <inheritdoc cref="FailedLayer"/>
    public int FailedPosition;

    /// <summary>Row of its first logits; -1 without.</summary>
    public int FirstLogitsRow;

    /// <summary>The papers' mode: the step has computed the last token of a prompt whose Blocks are encoded after it.</summary>
    public readonly bool EndsPrompt => Failure == StepFailure.None && Cache.DeferredTokenCount > 0 && Cache.TokenCount >= Cache.DeferredTokenCount;

    /// <summary>Greatest logit after the last token, where the runner has looked for it.</summary>
    public int TopToken;
}
