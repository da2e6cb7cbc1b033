using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Shards;

/// <summary>
/// Rendezvous hashing (Thaler and Ravishankar 1998): each Block ranks all shards by a weight of its own, so that everybody who knows the
/// same shards agrees, and a shard that comes or goes moves only its own share.
/// </summary>
internal static class BlockHome
{
    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;

    /// <summary>The part of <see cref="Weight"/> that is the shard's alone.</summary>
    public static ulong HashOf(string address)
    {
        ulong hash = FnvOffset;
        foreach (char character in address)
        {
            hash = (hash ^ character) * FnvPrime;
        }

        return hash;
    }

    /// <summary>The higher, the better a home.</summary>
    public static ulong Weight(BlockId blockId, ulong addressHash) =>
        Mix(Mix(addressHash ^ (ulong)blockId.Value) ^ (ulong)(blockId.Value >> 64));

    /// <summary>The finalizer of SplitMix64.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
