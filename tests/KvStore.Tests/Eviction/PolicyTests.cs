using FsCheck;
using FsCheck.Fluent;
using KvCluster.KvStore.Eviction;

namespace KvCluster.KvStore.Tests.Eviction;

public sealed class PolicyTests
{
    private const int EntryCount = 24;
    private const int EntryBytes = 10;
    private const int CapacityBytes = 200;

    public static TheoryData<string> Names => [.. EvictionPolicies.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Evict_AfterAnyEvents_TakesOneThatIsNotHeldUntilNoneIsLeft(string name) =>
        Check(ops => new Run(EvictionPolicies.Create(name, CapacityBytes), null).Do(ops));

    [Fact]
    public void Evict_S3Fifo_TakesWhatTheNaiveOneTakes() =>
        Check(ops => new Run(new S3FifoPolicy(CapacityBytes), new NaiveS3Fifo(CapacityBytes, EntryBytes)).Do(ops));

    [Fact]
    public void Evict_Arc_TakesChainsFromTheirEnds()
    {
        var policy = new LeafFirstArcPolicy(1 << 20);
        TestEntry[] old = Chain(0, 5);
        TestEntry[] fresh = Chain(100, 3);
        Array.ForEach(old, policy.Add);
        policy.Use(old);
        Array.ForEach(fresh, policy.Add);
        policy.Use(fresh);
        Assert.Equal([4, 3, 2, 1, 0, 102, 101, 100], Drain(policy));
    }

    [Fact]
    public void Evict_Arc_SparesWhatWasUsedFromAScan()
    {
        var policy = new LeafFirstArcPolicy(capacityBytes: 100 * EntryBytes);
        TestEntry[] used = Chain(0, 20);
        Array.ForEach(used, policy.Add);
        policy.Use(used);
        for (int number = 100; number < 1000; number++)
        {
            policy.Add(new TestEntry(number) { ByteCount = EntryBytes });
            if (number >= 180)
            {
                Assert.True(((TestEntry)policy.Evict()!).Number >= 100);
            }
        }
    }

    [Fact]
    public void Evict_S3Fifo_TakesWhatWasSeenOnceBeforeWhatWasUsed()
    {
        var policy = new S3FifoPolicy(capacityBytes: 100 * EntryBytes);
        TestEntry[] entries = Chain(0, 20);
        Array.ForEach(entries, policy.Add);
        policy.Use(entries[..10]);
        for (int number = 10; number < 20; number++)
        {
            Assert.Equal(number, ((TestEntry)policy.Evict()!).Number);
            policy.Add(new TestEntry(100 + number) { ByteCount = EntryBytes });
        }
    }

    [Fact]
    public void Create_UnknownName_SaysWhichThereAre()
    {
        var error = Assert.Throws<ArgumentException>(() => EvictionPolicies.Create("fifo", 1));
        Assert.Contains("arc, s3fifo, lru", error.Message, StringComparison.Ordinal);
    }

    private static TestEntry[] Chain(int firstNumber, int count) =>
        [.. Enumerable.Range(0, count).Select(depth => new TestEntry(firstNumber + depth, depth) { ByteCount = EntryBytes })];

    private static List<int> Drain(LeafFirstArcPolicy policy)
    {
        var order = new List<int>();
        while (policy.Evict() is TestEntry entry)
        {
            order.Add(entry.Number);
        }

        return order;
    }

    private static void Check(Func<(int Kind, int Entry)[], bool> run)
    {
        Gen<(int, int)> op = Gen.Choose(0, 99).SelectMany(kind => Gen.Choose(0, EntryCount - 1).Select(entry => (kind, entry)));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), run)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000).WithEndSize(300));
    }

    private sealed class Run(IEvictionPolicy policy, NaiveS3Fifo? oracle)
    {
        private readonly Dictionary<int, TestEntry> _tracked = [];

        public bool Do((int Kind, int Entry)[] ops)
        {
            foreach ((int kind, int number) in ops)
            {
                Do(kind, number);
                Assert.Equal(
                    _tracked.Values.Where(entry => !entry.IsHeld).Select(entry => entry.Number).Order(),
                    policy.Evictable.Cast<TestEntry>().Select(entry => entry.Number).Order());
            }

            while (_tracked.Values.Any(entry => !entry.IsHeld))
            {
                Evict();
            }

            Assert.Null(policy.Evict());
            return true;
        }

        private void Do(int kind, int number)
        {
            TestEntry? entry = _tracked.GetValueOrDefault(number);
            switch (kind)
            {
                case < 35 when entry is null:
                    entry = new TestEntry(number, depth: number % 6) { ByteCount = EntryBytes };
                    _tracked.Add(number, entry);
                    policy.Add(entry);
                    oracle?.Add(number);
                    break;
                case < 60:
                    TestEntry[] chain = [.. _tracked.Values.Where(used => used.Number / 6 == number / 6 && used.Depth <= number % 6).OrderBy(used => used.Depth)];
                    policy.Use(chain);
                    Array.ForEach(chain, used => oracle?.Use(used.Number));
                    break;
                case < 75 when entry is not null:
                    entry.IsHeld = !entry.IsHeld;
                    if (entry.IsHeld)
                    {
                        policy.Hold(entry);
                        oracle?.Hold(number);
                    }
                    else
                    {
                        policy.Release(entry);
                        oracle?.Release(number);
                    }

                    break;
                case < 80 when entry is not null:
                    _tracked.Remove(number);
                    policy.Remove(entry);
                    oracle?.Remove(number);
                    break;
                case >= 80:
                    Evict();
                    break;
                default:
                    break;
            }
        }

        private void Evict()
        {
            var evicted = (TestEntry?)policy.Evict();
            Assert.Equal(_tracked.Values.Any(entry => !entry.IsHeld), evicted is not null);
            if (oracle is not null)
            {
                Assert.Equal(oracle.Evict(), evicted?.Number);
            }

            if (evicted is not null)
            {
                Assert.False(evicted.IsHeld);
                Assert.True(_tracked.Remove(evicted.Number));
            }
        }
    }
}
