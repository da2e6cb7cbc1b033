using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Redis;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.KvStore.Tests.Tiered;
using StackExchange.Redis;

namespace KvCluster.KvStore.Tests.Redis;

/// <summary>
/// Any sequence of operations on memory, a disk that is too small, and Redis, against a set of the blocks that were put whole and not dropped. With
/// nothing damaged or evicted in Redis the store holds exactly these; in no case a dropped block or a wrong byte.
/// </summary>
public sealed class RedisModelTests
{
    private const int BlockCount = 12;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TieredStore_OverDiskAndRedis_DoesAsTheModel(bool withLosses)
    {
        await using RedisServer server = await RedisServer.StartAsync();
        using ConnectionMultiplexer client = await ConnectionMultiplexer.ConnectAsync($"{server.Connection},allowAdmin=true").Soon();
        var pool = new SlabPool();
        RedisTier redis = await TestRedis.OpenAsync(server, pool);
        Gen<Op> op = Gen.Choose(0, withLosses ? 104 : 94).SelectMany(kind =>
            Gen.Choose(0, BlockCount - 1).SelectMany(block => Gen.Choose(0, 1 << 20).Select(detail => new Op(kind, block, detail))));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), ops => RunAsync(ops, client.GetDatabase(), redis, pool).Soon().GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(60).WithEndSize(80));
        await TestRedis.CloseAsync(redis, pool);
    }

    private static async Task<bool> RunAsync(Op[] ops, IDatabase database, RedisTier redis, SlabPool pool)
    {
        var run = new Run(database, redis, pool);
        foreach (Op op in ops)
        {
            await run.DoAsync(op);
        }

        await run.EndAsync();
        return true;
    }

    private sealed record Op(int Kind, int Block, int Detail);

    private sealed class Run
    {
        private readonly HashSet<int> _held = [];
        private readonly IDatabase _database;
        private readonly RedisTier _redis;
        private readonly SlabPool _pool;
        private TestTiers _tiers;
        private bool _isLossy;

        public Run(IDatabase database, RedisTier redis, SlabPool pool)
        {
            (_database, _redis, _pool) = (database, redis, pool);
            _tiers = Open();
        }

        public async Task DoAsync(Op op)
        {
            int[] blocks = [.. Enumerable.Range(op.Block, 1 + (op.Detail % 4)).Select(block => block % BlockCount)];
            switch (op.Kind)
            {
                case < 35:
                    Assert.All(_tiers.Put(op.Block), result => Assert.True(result is PutResult.Stored or PutResult.Known));
                    _held.Add(op.Block);
                    break;
                case < 60:
                    await ReadAsync(blocks);
                    break;
                case < 80:
                    await LookupAsync(blocks);
                    break;
                case < 90:
                    _tiers.Store.Drop(TestSlabs.Id(op.Block));
                    _held.Remove(op.Block);
                    break;
                case < 95:
                    // The shard goes for good, and another one comes.
                    await _tiers.Store.FlushAsync(_redis, progress: null, default).Soon();
                    await _tiers.DisposeAsync();
                    _tiers = Open();
                    break;
                case < 100:
                    await _database.KeyDeleteAsync(TestRedis.Key(op.Block)).Soon();
                    _isLossy = true;
                    break;
                default:
                    await DamageAsync(op);
                    break;
            }

            await _tiers.Disk.FlushAsync(default).Soon();
            await _redis.FlushAsync(default).Soon();
            await _tiers.CheckIntegrityAsync();
            _redis.CheckIntegrity();
        }

        public async Task EndAsync()
        {
            foreach (int block in Enumerable.Range(0, BlockCount))
            {
                _tiers.Store.Drop(TestSlabs.Id(block));
            }

            await _redis.FlushAsync(default).Soon();
            foreach (int block in Enumerable.Range(0, BlockCount))
            {
                // What nobody knew of was not dropped either.
                await _database.KeyDeleteAsync(TestRedis.Key(block)).Soon();
            }

            await _tiers.DisposeAsync();
            _pool.Trim();
        }

        private TestTiers Open() => new(new MemoryFolder(), _pool, new TestTimeProvider(), memoryBlocks: 3, diskBytes: 24 << 10, redis: _redis);

        private async Task ReadAsync(int[] blocks)
        {
            await _tiers.Store.LocateAsync([.. blocks.Select(TestSlabs.Id)], isChain: false, default).Soon();
            string[] delivered = (await _tiers.ReadAsync(blocks)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            foreach (int block in blocks)
            {
                bool isThere = delivered.Contains($"{block}");
                Assert.True(_held.Contains(block) || !isThere, $"block {block} was delivered and not held");
                Assert.True(!_held.Contains(block) || isThere || _isLossy, $"block {block} was lost");
                if (!isThere)
                {
                    _held.Remove(block);
                }
            }
        }

        private async Task LookupAsync(int[] blocks)
        {
            await _tiers.Store.LocateAsync([.. blocks.Select(TestSlabs.Id)], isChain: true, default).Soon();
            int count = _tiers.Lookup(blocks);
            int expected = blocks.TakeWhile(_held.Contains).Count();
            Assert.True(count == expected || (count < expected && _isLossy), $"{count} blocks were found, {expected} are held");
        }

        private async Task DamageAsync(Op op)
        {
            byte[]? value = await _database.StringGetAsync(TestRedis.Key(op.Block)).Soon();
            if (value is { Length: > 0 })
            {
                value[op.Detail % value.Length] ^= (byte)(1 << (op.Detail % 8));
                await _database.StringSetAsync(TestRedis.Key(op.Block), value).Soon();
                _isLossy = true;
            }
        }
    }
}
