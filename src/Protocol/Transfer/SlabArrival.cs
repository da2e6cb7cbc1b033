using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Transfer;

/// <summary>What a <see cref="BlockReader"/> says of one slab.</summary>
/// <param name="BlockIndex">Index in the blocks asked for.</param>
/// <param name="Layer">Layer of the slab, or the first layer that is not coming.</param>
/// <param name="LayerCount">Layers of the block; 0 when the block never came.</param>
/// <param name="Slab">The verified slab, the receiver's to dispose; null when there is none.</param>
/// <param name="Header">What the slab says of itself.</param>
/// <param name="Status">Other than OK: the store has no slab to give. After CORRUPT a fresh copy may still follow.</param>
/// <param name="Error">Other than None: the slab came and was refused.</param>
public readonly record struct SlabArrival(
    int BlockIndex, int Layer, int LayerCount, SlabLease? Slab, SlabHeader Header, SlabStatus Status, SlabError Error)
{
    /// <summary>Whether <see cref="Slab"/> can be used.</summary>
    public bool IsUsable => Slab is not null;

    /// <summary>Whether this was the block's last layer.</summary>
    public bool IsLastLayer => Layer + 1 == LayerCount;
}
