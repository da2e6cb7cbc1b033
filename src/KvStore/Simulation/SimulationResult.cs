namespace KvCluster.KvStore.Simulation;

/// <summary>What became of the blocks of a trace's prompts.</summary>
/// <param name="Policy">Its name.</param>
/// <param name="CapacityBytes">Budget of the tier.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="PromptBlockCount">Blocks of all prompts.</param>
/// <param name="PrefixBlockCount">Of those, held together with all blocks before them: not computed again.</param>
/// <param name="HeldBlockCount">Of those, held at all.</param>
/// <param name="PutBlockCount">Blocks stored.</param>
/// <param name="EvictedBlockCount">Blocks evicted.</param>
public sealed record SimulationResult(
    string Policy,
    long CapacityBytes,
    long BlockBytes,
    long PromptBlockCount,
    long PrefixBlockCount,
    long HeldBlockCount,
    long PutBlockCount,
    long EvictedBlockCount)
{
    /// <summary>Part of prompt blocks that was found as a prefix.</summary>
    public double PrefixHitRate => PromptBlockCount == 0 ? 0 : (double)PrefixBlockCount / PromptBlockCount;

    /// <summary>Part of the prompts' bytes that was held, of use or not.</summary>
    public double ByteHitRate => PromptBlockCount == 0 ? 0 : (double)HeldBlockCount / PromptBlockCount;
}
