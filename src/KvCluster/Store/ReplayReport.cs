namespace KvCluster.CommandLine.Store;

/// <summary>What a replay found, as <c>--json</c> writes it.</summary>
/// <param name="Trace">The file, or the kind and seed.</param>
/// <param name="RequestCount">Requests of it.</param>
/// <param name="PromptBlockCount">Blocks of their prompts.</param>
/// <param name="DistinctBlockCount">Different blocks, generated ones too.</param>
/// <param name="BestHitRate">Prefix hit rate with room for everything.</param>
/// <param name="Rows">One a capacity, codec and policy.</param>
internal sealed record ReplayReport(
    string Trace, int RequestCount, long PromptBlockCount, long DistinctBlockCount, double BestHitRate, IReadOnlyList<ReplayRow> Rows);
