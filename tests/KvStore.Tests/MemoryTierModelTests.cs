using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Reads;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests;

public sealed class MemoryTierModelTests
{
    private const int BlockCount = 6;
    private const int PutCount = 3;
    private const int ReaderCount = 3;
    private const int LeaseCount = 3;
    private const int BudgetSlabs = 9;

    [Fact]
    public void MemoryTier_AnySequenceOfOperations_DoesAsTheModel()
    {
        Gen<Op> op = Gen.Choose(0, 99).SelectMany(kind =>
            Gen.Choose(0, BlockCount - 1).SelectMany(block =>
                Gen.Choose(0, 1 << 20).Select(detail => new Op(kind, block, detail))));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), Run)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(150));
    }

    private static bool Run(Op[] ops)
    {
        var pool = new SlabPool();
        using var run = new ModelRun(pool);
        foreach (Op op in ops)
        {
            run.Do(op);
        }

        run.End();
        return pool.RentedCount == 0;
    }

    private sealed record Op(int Kind, int Block, int Detail);

    private sealed class ModelRun(SlabPool pool) : IDisposable
    {
        private readonly TestTimeProvider _time = new();
        private readonly ModelTier _model = new(BudgetSlabs);
        private readonly (PutSession Real, ModelTier.Put Model)?[] _puts = new (PutSession, ModelTier.Put)?[PutCount];
        private readonly (ReadSession Real, ModelTier.Reader Model)?[] _readers = new (ReadSession, ModelTier.Reader)?[ReaderCount];
        private readonly string[] _leases = ["", "", ""];
        private MemoryTier? _tier;
        private ulong _epoch = 1;

        private MemoryTier Tier => _tier ??= new MemoryTier(BudgetSlabs * TestSlabs.SizeBytes, _time);

        public void Do(Op op)
        {
            switch (op.Kind)
            {
                case < 20:
                    // Whole blocks fill the budget, so that the order of eviction matters.
                    for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
                    {
                        Add(op.Detail % PutCount, TestSlabs.Id(op.Block), layer, (op.Detail / 64) % 9 == 0);
                    }

                    break;
                case < 45:
                    Add(op.Detail % PutCount, TestSlabs.Id(op.Block), (op.Detail / 8) % TestSlabs.LayerCount, (op.Detail / 64) % 5 == 0);
                    break;
                case < 52:
                    EndPut(op.Detail % PutCount);
                    break;
                case < 54:
                    _epoch += (ulong)(op.Detail % 2);
                    break;
                case < 74:
                    Read(op.Detail % ReaderCount, TestSlabs.Id(op.Block));
                    break;
                case < 78:
                    CloseRead(op.Detail % ReaderCount);
                    break;
                case < 86:
                    Lookup(op.Block, op.Detail);
                    break;
                case < 89:
                    TimeSpan renewal = TimeSpan.FromSeconds(1 + (op.Detail % 7));
                    string renewed = _leases[op.Detail % LeaseCount];
                    Assert.Equal(_model.Renew(renewed, renewal), Tier.TryRenewLease(renewed, renewal));
                    break;
                case < 92:
                    _model.Release(_leases[op.Detail % LeaseCount]);
                    Tier.ReleaseLease(_leases[op.Detail % LeaseCount]);
                    break;
                case < 95:
                    Assert.Equal(_model.Drop(TestSlabs.Id(op.Block)), Tier.Drop(TestSlabs.Id(op.Block)));
                    break;
                default:
                    _time.Advance(TimeSpan.FromSeconds(op.Detail % 5));
                    _model.Now += TimeSpan.FromSeconds(op.Detail % 5);
                    break;
            }

            Compare();
        }

        public void End()
        {
            for (int i = 0; i < PutCount; i++)
            {
                EndPut(i);
            }

            for (int i = 0; i < ReaderCount; i++)
            {
                CloseRead(i);
            }

            for (int i = 0; i < BlockCount; i++)
            {
                Tier.Drop(TestSlabs.Id(i));
            }

            Tier.CheckIntegrity(pool);
            Assert.Equal(0, Tier.Stat().ByteCount);
        }

        public void Dispose() => pool.Trim();

        private void Compare()
        {
            _model.ExpireLeases();
            TierStat stat = Tier.Stat();
            Assert.Equal(_model.UsedSlabs * TestSlabs.SizeBytes, stat.ByteCount);
            Assert.Equal(_model.AttachedIds.Count(), stat.BlockCount);
            Assert.Equal(_model.EvictableIds, Tier.EvictableIds());
            Assert.Equal(_model.LeasedCount, stat.LeasedBlockCount);
            Assert.Equal(_model.PendingCount, stat.PendingBlockCount);
            Assert.Equal(_model.Evicted, Tier.Counters.EvictedBlocks);
            Tier.CheckIntegrity(pool);
        }

        private void Add(int slot, BlockId id, int layer, bool isTransient)
        {
            if (_puts[slot] is not { } put)
            {
                bool isFresh = _model.BeginPut(_epoch, out ModelTier.Put model);
                PutSession? real = Tier.BeginPut("worker", _epoch);
                Assert.Equal(isFresh, real is not null);
                if (real is null)
                {
                    return;
                }

                put = (real, model);
                _puts[slot] = put;
            }

            var slab = new VerifiedSlab(
                TestSlabs.Header(id, layer, put.Model.Epoch), TestSlabs.LayerCount, TestSlabs.Make(pool, id, layer), isTransient);
            string expected = _model.Add(put.Model, id, layer, isTransient);
            Assert.Equal(expected, Tier.Add(put.Real, slab).Result.ToString());
        }

        private void EndPut(int slot)
        {
            if (_puts[slot] is { } put)
            {
                Assert.Equal(_model.EndPut(put.Model), Tier.EndPut(put.Real));
                _puts[slot] = null;
            }
        }

        private void Read(int slot, BlockId id)
        {
            if (_readers[slot] is not { } reader)
            {
                reader = (Tier.OpenRead([id]), _model.OpenRead(id));
                _readers[slot] = reader;
            }

            string expected = _model.Read(reader.Model);
            ReadStep step = Tier.Read(reader.Real);
            Assert.Equal(expected, step.Kind == ReadStepKind.Slab ? $"Slab {step.Layer}" : step.Kind.ToString());
            if (step.Slab is { } slab)
            {
                Assert.Equal(TestSlabs.Bytes(reader.Model.Id, step.Layer), slab.Span.ToArray());
                slab.Dispose();
                if (step.Layer + 1 == step.LayerCount)
                {
                    Tier.Delivered(step.Cursor!);
                }
            }

            if (expected == "Finished")
            {
                _readers[slot] = null;
            }
        }

        private void CloseRead(int slot)
        {
            if (_readers[slot] is { } reader)
            {
                _model.Close(reader.Model);
                Tier.CloseRead(reader.Real);
                _readers[slot] = null;
            }
        }

        private void Lookup(int firstBlock, int detail)
        {
            BlockId[] ids = [.. Enumerable.Range(firstBlock, 1 + (detail % 3)).Select(block => TestSlabs.Id(block % BlockCount)).Distinct()];
            TimeSpan leaseTime = TimeSpan.FromSeconds(detail / 4 % 2 == 0 ? 0 : 1 + (detail / 8 % 5));
            int held = Tier.Lookup(ids, leaseTime, out string leaseId);
            (int modelHeld, bool isLeased) = _model.Lookup(ids, leaseTime, leaseId);
            Assert.Equal((modelHeld, isLeased), (held, leaseId.Length > 0));
            if (isLeased)
            {
                _leases[detail % LeaseCount] = leaseId;
            }
        }
    }
}
