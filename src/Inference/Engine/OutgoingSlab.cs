using KvCluster.Compression.Blocks;

namespace KvCluster.Inference.Engine;

/// <summary>A slab on its way to the KvStore. Whoever takes it disposes its lease.</summary>
/// <param name="BlockId">Of the Block, or the id under which a Tail travels.</param>
/// <param name="Layer">Layer of the slab.</param>
/// <param name="Slab">The bytes, header included.</param>
/// <param name="IsTransient">Dropped once it was read: a Tail.</param>
public readonly record struct OutgoingSlab(BlockId BlockId, int Layer, SlabLease Slab, bool IsTransient);
