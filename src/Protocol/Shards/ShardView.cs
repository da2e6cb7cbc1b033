using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Shards;

/// <summary>
/// The KvStore shards at one moment, and from them where Blocks are written and where they may be found. Immutable.
/// </summary>
/// <remarks>
/// A Block's homes are the best <see cref="ReplicaCount"/> live shards of its ranking. The ranking of the others does not change when a shard
/// comes or goes, so the homes that a Block had before a shard joined are the next in its ranking, and a shard that leaves keeps its
/// place in it for as long as it can be read:
/// <code>
/// ranking   joined lately | live | leaves | live | live      two replicas
/// written   home            home
/// found     home            home   place    place            up to the second shard that neither joined lately nor leaves
/// </code>
/// </remarks>
public sealed class ShardView : IEquatable<ShardView>
{
    /// <summary>Most replicas of a Block.</summary>
    public const int MaxReplicaCount = 2;

    /// <summary>Most shards that are asked for one Block, however many come and go at once.</summary>
    public const int MaxPlaceCount = 6;

    private readonly Shard[] _shards;

    /// <param name="live">Addresses of the shards that take Blocks; all different, in any order.</param>
    /// <param name="replicaCount">Homes of a Block, 1 or 2.</param>
    /// <param name="joining">Those of <paramref name="live"/> that came lately.</param>
    /// <param name="leaving">Shards that are only read any more.</param>
    public ShardView(
        IEnumerable<string> live, int replicaCount = 1, IEnumerable<string>? joining = null, IEnumerable<string>? leaving = null)
    {
        ReplicaCount = Math.Clamp(replicaCount, 1, MaxReplicaCount);
        var young = new HashSet<string>(joining ?? [], StringComparer.Ordinal);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        Live = [.. live.Where(taken.Add)];
        Leaving = [.. (leaving ?? []).Where(taken.Add)];
        _shards =
        [
            .. Live.Select(address => new Shard(address, BlockHome.HashOf(address), IsLive: true, IsSettled: !young.Contains(address))),
            .. Leaving.Select(address => new Shard(address, BlockHome.HashOf(address), IsLive: false, IsSettled: false)),
        ];
    }

    public static ShardView None { get; } = new([]);

    public IReadOnlyList<string> Live { get; }

    public IReadOnlyList<string> Leaving { get; }

    /// <summary>Those of <see cref="Live"/> that came lately.</summary>
    public IEnumerable<string> Joining => _shards.Where(shard => shard is { IsLive: true, IsSettled: false }).Select(shard => shard.Address);

    public int ReplicaCount { get; }

    /// <summary>What the Gateway says.</summary>
    /// <param name="addresses">The live shards.</param>
    /// <param name="moves">Those that came lately or leave.</param>
    /// <param name="replicaCount">0 of Gateways that do not say: 1.</param>
    public static ShardView Of(IEnumerable<string> addresses, IEnumerable<ShardMove> moves, int replicaCount)
    {
        ShardMove[] all = [.. moves];
        return new ShardView(
            addresses,
            replicaCount,
            all.Where(move => !move.IsLeaving).Select(move => move.Address),
            all.Where(move => move.IsLeaving).Select(move => move.Address));
    }

    /// <summary>The same shards with another number of replicas.</summary>
    public ShardView With(int replicaCount) => new(Live, replicaCount, Joining, Leaving);

    /// <summary>The other shards.</summary>
    public ShardView Without(string address) => new(
        Live.Where(other => other != address), ReplicaCount, Joining.Where(other => other != address), Leaving.Where(other => other != address));

    /// <summary>Where a Block is written, best first; empty when there are no shards.</summary>
    public string[] HomesOf(BlockId blockId) =>
        [.. Ranking(blockId).Where(shard => shard.IsLive).Take(ReplicaCount).Select(shard => shard.Address)];

    /// <summary>
    /// Where a Block may be: its homes, best first, then the shards that were its homes before others joined or that leave.
    /// </summary>
    public BlockPlaces PlacesOf(BlockId blockId)
    {
        var homes = new List<string>(ReplicaCount);
        var others = new List<string>();
        int settledCount = 0;
        foreach (Shard shard in Ranking(blockId))
        {
            bool isHome = shard.IsLive && homes.Count < ReplicaCount;
            if (isHome || homes.Count + others.Count < MaxPlaceCount)
            {
                (isHome ? homes : others).Add(shard.Address);
            }

            settledCount += shard.IsSettled ? 1 : 0;
            if (settledCount == ReplicaCount)
            {
                break;
            }
        }

        return new BlockPlaces([.. homes, .. others], homes.Count);
    }

    public bool Equals(ShardView? other) =>
        other is not null && ReplicaCount == other.ReplicaCount && _shards.AsSpan().SequenceEqual(other._shards);

    public override bool Equals(object? obj) => Equals(obj as ShardView);

    public override int GetHashCode() => _shards.Aggregate(ReplicaCount, HashCode.Combine);

    private IEnumerable<Shard> Ranking(BlockId blockId) => _shards.Length == 1
        ? _shards
        : _shards.OrderByDescending(shard => BlockHome.Weight(blockId, shard.Hash)).ThenBy(shard => shard.Address, StringComparer.Ordinal);

    private readonly record struct Shard(string Address, ulong Hash, bool IsLive, bool IsSettled);
}
