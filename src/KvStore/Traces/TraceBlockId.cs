using System.Text;
using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Traces;

/// <summary>Short numbers that stand for BlockIds in traces: the same number of two tenants is two blocks.</summary>
internal static class TraceBlockId
{
    /// <summary>Numbers that every JSON reader keeps exactly.</summary>
    public const long MaxNumber = (1L << 53) - 1;

    private const ulong FnvOffset = 14695981039346656037;
    private const ulong FnvPrime = 1099511628211;

    public static BlockId Of(string tenant, long number) => new(new UInt128(SaltOf(tenant), (ulong)number));

    /// <summary>The number of which <see cref="Of"/> made the id; null when it did not.</summary>
    public static long? NumberOf(string tenant, BlockId id)
    {
        ulong number = (ulong)id.Value;
        return (ulong)(id.Value >> 64) == SaltOf(tenant) && number <= MaxNumber ? (long)number : null;
    }

    private static ulong SaltOf(string tenant)
    {
        ulong hash = FnvOffset;
        foreach (byte unit in Encoding.UTF8.GetBytes(tenant))
        {
            hash = (hash ^ unit) * FnvPrime;
        }

        return hash;
    }
}
