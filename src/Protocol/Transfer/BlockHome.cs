using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Transfer;

/// <summary>
/// Which KvStore shard a Block lives on: rendezvous hashing (Thaler and Ravishankar 1998), so that everybody who knows the same
/// shards agrees, and a shard that comes or goes moves only its own share.
/// </summary>
public static class BlockHome
{
    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;

    /// <param name="blockId">The Block.</param>
    /// <param name="shardAddresses">In any order; all different.</param>
    /// <returns>The address; null when there are no shards.</returns>
    public static string? Choose(BlockId blockId, IReadOnlyList<string> shardAddresses)
    {
        string? home = null;
        ulong best = 0;
        foreach (string address in shardAddresses)
        {
            ulong weight = Weight(blockId, address);
            if (home is null || weight > best || (weight == best && string.CompareOrdinal(address, home) < 0))
            {
                (home, best) = (address, weight);
            }
        }

        return home;
    }

    private static ulong Weight(BlockId blockId, string address)
    {
        ulong hash = FnvOffset;
        foreach (char character in address)
        {
            hash = (hash ^ character) * FnvPrime;
        }

        return Mix(Mix(hash ^ (ulong)blockId.Value) ^ (ulong)(blockId.Value >> 64));
    }

    /// <summary>The finalizer of SplitMix64.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
