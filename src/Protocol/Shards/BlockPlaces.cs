namespace KvCluster.Protocol.Shards;

/// <summary>The shards to ask for one Block, in order.</summary>
/// <param name="Addresses">The homes, best first, then where it may be left from before a change of membership.</param>
/// <param name="HomeCount">How many of them are homes.</param>
public readonly record struct BlockPlaces(string[] Addresses, int HomeCount)
{
    public ReadOnlySpan<string> Homes => Addresses.AsSpan(0, HomeCount);

    public bool IsHome(string address) => Homes.Contains(address);
}
