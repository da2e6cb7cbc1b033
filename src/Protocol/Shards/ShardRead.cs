using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>What one read wants of the shards.</summary>
public sealed class ShardRead
{
    /// <summary>All different; each expectation with the geometry.</summary>
    public required IReadOnlyList<WantedBlock> Blocks { get; init; }

    /// <summary>
    /// Takes over each slab, one call at a time; hears also of refused slabs and of places that have none, with <see cref="SlabArrival.BlockIndex"/> in
    /// <see cref="Blocks"/>. Each layer of a block is handed over once.
    /// </summary>
    /// <returns>Why the payload is refused after all.</returns>
    public required Func<SlabArrival, SlabError> OnArrival { get; init; }

    /// <summary>Hears of shards that failed, and of how.</summary>
    public Action<string, Status>? OnShardFailed { get; init; }

    /// <summary>Hears of each refused slab: its block, its layer, the place, and why.</summary>
    public Action<BlockId, int, string, SlabError>? OnRefused { get; init; }

    /// <summary>How many of <see cref="Blocks"/>, from the first on, are believed to be held somewhere: they are not waited for.</summary>
    public int HeldBlockCount { get; init; }

    /// <summary>How long a shard may wait for a slab that is still to be put. Zero: everything counts as held.</summary>
    public TimeSpan Wait { get; init; }

    /// <summary>Whose blocks they are (<see cref="BlockIdChain.OwnerOf"/>): against this quota counts what shards bring into memory for the read. All zero: nobody's.</summary>
    public BlockId Owner { get; init; }

    /// <summary>Whose request, for logs.</summary>
    public string RequestId { get; init; } = "";
}
