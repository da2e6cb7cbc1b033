namespace KvCluster.Inference.Engine;

/// <summary>What a worker takes on at once: what its settings say, or less where its device holds less.</summary>
/// <param name="MaxSequences">Sequences admitted.</param>
/// <param name="StepTokens">Prompt tokens of a step.</param>
/// <param name="Budget">KV of all admitted Sequences.</param>
public readonly record struct WorkerLimits(int MaxSequences, int StepTokens, KvDemand Budget)
{
    /// <param name="footprint">Of the Sequences.</param>
    /// <param name="maxSequences">As set.</param>
    /// <param name="stepTokens">As set.</param>
    /// <param name="budgetBytes">As set.</param>
    public static WorkerLimits Of(KvFootprint footprint, int maxSequences, int stepTokens, long budgetBytes)
    {
        ArgumentNullException.ThrowIfNull(footprint);
        if (footprint.Pages is not { } pages)
        {
            return new WorkerLimits(maxSequences, stepTokens, new KvDemand(budgetBytes));
        }

        // Bytes that pages can't hold would tell the Gateway of room that there is not. Never less than pages hold.
        var pageBytes = pages.OpenCount == 0 ? Math.Max(footprint.BlockBytes, footprint.OpenBlockBytes) : footprint.BlockBytes;
        var heldBytes = (pages.SealedCount * pageBytes) + (pages.OpenCount * footprint.OpenBlockBytes);
        var tokens = pages.StepTokens(stepTokens);
        return new WorkerLimits(
            Math.Max(1, Math.Min(maxSequences, pages.SequenceCount(tokens))),
            tokens,
            new KvDemand(Math.Min(budgetBytes, heldBytes), pages.SealedCount));
    }
}
