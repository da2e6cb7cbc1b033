using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Transfer;

/// <summary>A block that a <see cref="BlockReader"/> asks for.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Expected">What its slabs must say; the reader adds block and layer.</param>
public readonly record struct WantedBlock(BlockId Id, SlabExpectation Expected);
