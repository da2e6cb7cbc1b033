using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Transfer;

/// <summary>A slab whose checksums and identity were checked; whoever holds this owns the lease.</summary>
public readonly record struct VerifiedSlab(SlabHeader Header, int LayerCount, SlabLease Lease, bool IsTransient);
