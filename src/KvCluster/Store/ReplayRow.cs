namespace KvCluster.CommandLine.Store;

/// <summary>One capacity, codec and policy of a replay.</summary>
/// <param name="CapacityBytes">Budget of the tier.</param>
/// <param name="KvSpec">Canonical codec.</param>
/// <param name="BlockBytes">Bytes of a block in it.</param>
/// <param name="Policy">Of eviction.</param>
/// <param name="PrefixHitRate">Part of prompt blocks found together with all before them.</param>
/// <param name="ByteHitRate">Part of the prompts' bytes that was held, of use or not.</param>
/// <param name="EvictedBlockCount">Blocks evicted.</param>
internal sealed record ReplayRow(
    long CapacityBytes, string KvSpec, long BlockBytes, string Policy, double PrefixHitRate, double ByteHitRate, long EvictedBlockCount);
