using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.Protocol.Shards;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>Some real shards. Checks at the end that each is in order and that no slab is left rented.</summary>
internal sealed class TestShards : IAsyncDisposable
{
    private readonly string _gatewayAddress;

    private TestShards(string gatewayAddress) => _gatewayAddress = gatewayAddress;

    public List<TestShard> Shards { get; } = [];

    public string[] Addresses => [.. Shards.Select(shard => shard.Address)];

    public static async Task<TestShards> StartAsync(int count, string gatewayAddress = "")
    {
        var shards = new TestShards(gatewayAddress);
        for (int i = 0; i < count; i++)
        {
            await shards.AddAsync();
        }

        return shards;
    }

    public async Task<TestShard> AddAsync(Action<KvStoreOptions>? configure = null)
    {
        TestShard shard = await TestShard.StartAsync($"shard-{Shards.Count}", _gatewayAddress, configure);
        Shards.Add(shard);
        return shard;
    }

    public TestShard At(string address) => Shards.Single(shard => shard.Address == address);

    public ShardClient Client(int replicaCount, ShardReadOptions? options = null) => new(new ShardView(Addresses, replicaCount), options);

    public async ValueTask DisposeAsync()
    {
        foreach (TestShard shard in Shards)
        {
            await shard.DisposeAsync();
        }

        await Eventually.TrueAsync(() => SlabPool.Shared.RentedCount == 0);
        SlabPool.Shared.CheckIntegrity();
    }
}
