using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Puts;

/// <summary>A slab whose checksums and identity were checked; whoever holds this owns the lease.</summary>
internal readonly record struct VerifiedSlab(SlabHeader Header, int LayerCount, SlabLease Lease, bool IsTransient);
