using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;

namespace KvCluster.KvStore.Simulation;

/// <summary>A block without bytes.</summary>
internal sealed class SimulatedBlock(BlockId id, int depth) : EvictionEntry(id, depth);
