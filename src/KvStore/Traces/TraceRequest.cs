using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Traces;

/// <summary>One request of a trace (docs/traces.md).</summary>
/// <param name="At">Since the start of the trace.</param>
/// <param name="Tenant">Whose request; blocks are never shared between tenants.</param>
/// <param name="Prompt">Full blocks of the prompt, parents first.</param>
/// <param name="Generated">Blocks that generation filled, following the prompt's.</param>
public sealed record TraceRequest(TimeSpan At, string Tenant, IReadOnlyList<BlockId> Prompt, IReadOnlyList<BlockId> Generated);
