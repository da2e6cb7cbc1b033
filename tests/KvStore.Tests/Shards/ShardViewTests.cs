using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

public sealed class ShardViewTests
{
    private static readonly string[] Addresses = [.. Enumerable.Range(0, 9).Select(i => $"http://shard-{i}:8083")];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void HomesOf_ManyBlocks_AreSpreadEvenlyAndInAnyOrderOfShards(int replicaCount)
    {
        var view = new ShardView(Addresses[..5], replicaCount);
        var shuffled = new ShardView(Addresses[..5].Reverse(), replicaCount);
        var counts = new Dictionary<string, int>();
        for (int i = 0; i < 5000; i++)
        {
            string[] homes = view.HomesOf(TestSlabs.Id(i));
            Assert.Equal(replicaCount, homes.Distinct().Count());
            Assert.Equal(homes, shuffled.HomesOf(TestSlabs.Id(i)));
            foreach (string home in homes)
            {
                counts[home] = counts.GetValueOrDefault(home) + 1;
            }
        }

        Assert.All(counts.Values, count => Assert.InRange(count, 850 * replicaCount, 1150 * replicaCount));
    }

    [Fact]
    public void HomesOf_ShardJoins_OnlyItsShareMoves()
    {
        var before = new ShardView(Addresses[..4]);
        var after = new ShardView(Addresses[..5]);
        int movedCount = 0;
        for (int i = 0; i < 2000; i++)
        {
            string home = after.HomesOf(TestSlabs.Id(i))[0];
            if (home != before.HomesOf(TestSlabs.Id(i))[0])
            {
                Assert.Equal(Addresses[4], home);
                movedCount++;
            }
        }

        Assert.InRange(movedCount, 300, 500);
    }

    /// <summary>Whatever joined lately and leaves: a Block is looked for wherever it was at home before, up to the limit of places.</summary>
    [Fact]
    public void PlacesOf_ShardsComeAndGo_HoldTheHomesOfEveryEarlierView()
    {
        Prop.ForAll(
            Gen.Choose(1, 2).ToArbitrary(),
            Gen.Choose(0, 2).ArrayOf(Addresses.Length).ToArbitrary(),
            Gen.Choose(0, 100_000).ToArbitrary(),
            (replicaCount, kinds, block) =>
            {
                BlockId id = TestSlabs.Id(block);
                string[] settled = Of(kinds, 0);
                string[] joining = Of(kinds, 1)[..Math.Min(2, Of(kinds, 1).Length)];
                string[] leaving = Of(kinds, 2)[..Math.Min(2, Of(kinds, 2).Length)];
                var now = new ShardView([.. settled, .. joining], replicaCount, joining, leaving);
                BlockPlaces places = now.PlacesOf(id);

                Assert.Equal(now.HomesOf(id), places.Homes.ToArray());
                Assert.Equal(places.Addresses.Length, places.Addresses.Distinct().Count());
                foreach (string[] without in Subsets(joining))
                {
                    foreach (string[] gone in Subsets(leaving))
                    {
                        var earlier = new ShardView([.. settled, .. joining.Except(without), .. gone], replicaCount);
                        Assert.Subset(places.Addresses.ToHashSet(), earlier.HomesOf(id).ToHashSet());
                    }
                }

                if (joining.Length + leaving.Length == 0)
                {
                    Assert.Equal(places.HomeCount, places.Addresses.Length);
                }
            }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void PlacesOf_EverythingJoinedLately_AreLimited()
    {
        var view = new ShardView(Addresses, 2, Addresses);
        Assert.Equal(ShardView.MaxPlaceCount, view.PlacesOf(TestSlabs.Id(1)).Addresses.Length);
        Assert.Empty(ShardView.None.PlacesOf(TestSlabs.Id(1)).Addresses);
    }

    [Fact]
    public void Equals_SameShards_IsByValue()
    {
        Assert.Equal(new ShardView(["a", "b"], 2, ["b"], ["c"]), new ShardView(["a", "b"], 2, ["b"], ["c"]));
        Assert.NotEqual(new ShardView(["a", "b"], 2, ["b"], ["c"]), new ShardView(["a", "b"], 2, ["a"], ["c"]));
        Assert.NotEqual(new ShardView(["a", "b"]), new ShardView(["a", "b"]).With(2));
    }

    private static string[] Of(int[] kinds, int kind) => [.. Addresses.Where((_, i) => kinds[i] == kind)];

    private static IEnumerable<string[]> Subsets(string[] all) =>
        Enumerable.Range(0, 1 << all.Length).Select(bits => all.Where((_, i) => (bits >> i & 1) != 0).ToArray());
}
