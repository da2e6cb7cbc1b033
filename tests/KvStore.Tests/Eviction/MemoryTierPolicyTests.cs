using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Eviction;
using KvCluster.KvStore.Leases;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Eviction;

public sealed class MemoryTierPolicyTests
{
    private const int BlockCount = 12;
    private const long BudgetBytes = 5 * TestSlabs.LayerCount * TestSlabs.SizeBytes;
    private const long BlockBytes = TestSlabs.LayerCount * TestSlabs.SizeBytes;

    public static TheoryData<string, bool> Cases
    {
        get
        {
            var cases = new TheoryData<string, bool>();
            foreach (string name in EvictionPolicies.Names)
            {
                cases.Add(name, false);
                cases.Add(name, true);
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void MemoryTier_AnyOperations_NeverEvictsWhatIsLeasedPinnedOrRead(string name, bool hasQuota)
    {
        Gen<(int, int, int)> op = Gen.Choose(0, 99).SelectMany(kind =>
            Gen.Choose(0, BlockCount - 1).SelectMany(block => Gen.Choose(0, 1 << 20).Select(detail => (kind, block, detail))));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), ops => Do(name, hasQuota, ops))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(200));
    }

    private static bool Do(string policyName, bool hasQuota, (int Kind, int Block, int Detail)[] ops)
    {
        using var run = new Run(policyName, hasQuota);
        return run.Do(ops);
    }

    private sealed class Run : IDisposable
    {
        private readonly SlabPool _pool = new();
        private readonly TestTimeProvider _time = new();
        private readonly MemoryTier _tier;
        private readonly List<(string Id, BlockId[] Blocks)> _leases = [];
        private readonly List<(ReadSession Session, BlockId Block)> _reads = [];

        public Run(string policyName, bool hasQuota) =>
            _tier = new MemoryTier(BudgetBytes, _time, options: new MemoryTierOptions { EvictionPolicy = policyName, OwnerQuotaBytes = hasQuota ? 2 * BlockBytes : 0, MaxPinnedShare = 0.5 });

        public bool Do((int Kind, int Block, int Detail)[] ops)
        {
            foreach ((int kind, int block, int detail) in ops)
            {
                Do(kind, block, detail);
                _tier.CheckIntegrity(_pool);
                BlockId[] kept = [.. _leases.SelectMany(lease => lease.Blocks).Concat(_reads.Select(read => read.Block)).Distinct()];
                Assert.All(kept, id => Assert.Equal(1, _tier.Lookup([id], TimeSpan.Zero, out _)));
            }

            _leases.ForEach(lease => _tier.ReleaseLease(lease.Id));
            _reads.ForEach(read => _tier.CloseRead(read.Session));
            _tier.CheckIntegrity(_pool);
            Assert.Equal(_tier.Stat().BlockCount, _tier.EvictableIds().Length);
            _tier.Dispose();
            return _pool.RentedCount == 0;
        }

        public void Dispose() => _pool.Trim();

        private void Do(int kind, int block, int detail)
        {
            switch (kind)
            {
                case < 50:
                    Put(TestSlabs.Id(block));
                    break;
                case < 70:
                    BlockId[] chain = [.. Enumerable.Range(block, 1 + (detail % 3)).Select(number => TestSlabs.Id(number % BlockCount))];
                    int held = _tier.Lookup(chain, detail % 2 == 0 ? TimeSpan.FromSeconds(60) : TimeSpan.Zero, out string leaseId);
                    if (leaseId.Length > 0)
                    {
                        _leases.Add((leaseId, chain[..held]));
                    }

                    break;
                case < 73:
                    PinOutcome pin = _tier.Pin([TestSlabs.Id(block)], TimeSpan.FromHours(1));
                    if (pin.BlockCount > 0)
                    {
                        _leases.Add((pin.PinId, [TestSlabs.Id(block)]));
                    }

                    break;
                case < 80 when _leases.Count > 0:
                    (string released, _) = _leases[detail % _leases.Count];
                    _tier.ReleaseLease(released);
                    _leases.RemoveAt(detail % _leases.Count);
                    break;
                case < 90 when _reads.Count < 3 && _tier.Lookup([TestSlabs.Id(block)], TimeSpan.Zero, out _) == 1:
                    _reads.Add((_tier.OpenRead([TestSlabs.Id(block)]), TestSlabs.Id(block)));
                    break;
                case >= 90 when _reads.Count > 0:
                    _tier.CloseRead(_reads[detail % _reads.Count].Session);
                    _reads.RemoveAt(detail % _reads.Count);
                    break;
                default:
                    break;
            }
        }

        private void Put(BlockId id)
        {
            PutSession session = _tier.BeginPut("worker", TestSlabs.Epoch, new BlockId((UInt128)(uint)(id.GetHashCode() & 3)))!;
            bool isFull = false;
            for (int layer = 0; layer < TestSlabs.LayerCount && !isFull; layer++)
            {
                var slab = new VerifiedSlab(TestSlabs.Header(id, layer), TestSlabs.LayerCount, TestSlabs.Make(_pool, id, layer), false);
                isFull = _tier.Add(session, slab).Result == PutResult.StoreFull;
            }

            _tier.EndPut(session);
            Assert.True(!isFull || _tier.Stat().ByteCount - (_tier.EvictableIds().Length * BlockBytes) > BudgetBytes - BlockBytes, "full, with blocks to evict");
        }
    }
}
