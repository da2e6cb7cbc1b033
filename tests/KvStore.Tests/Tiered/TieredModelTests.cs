using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Tests.Disk;

namespace KvCluster.KvStore.Tests.Tiered;

/// <summary>
/// Any sequence of operations, restarts, crashes and damage against the simplest model there is: a set of the blocks that were put whole
/// and not dropped. With room on disk the store holds exactly these; with too little it may miss some, but never one under lease.
/// </summary>
public sealed class TieredModelTests
{
    private const int BlockCount = 8;

    [Theory]
    [InlineData(256 << 10, false)]
    [InlineData(256 << 10, true)]
    [InlineData(24 << 10, false)]
    public void TieredStore_AnySequenceOfOperations_DoesAsTheModel(int diskBytes, bool withDamage)
    {
        Gen<Op> op = Gen.Choose(0, withDamage ? 104 : 99).SelectMany(kind =>
            Gen.Choose(0, BlockCount - 1).SelectMany(block => Gen.Choose(0, 1 << 20).Select(detail => new Op(kind, block, detail))));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), ops => RunAsync(ops, diskBytes).Soon().GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(200).WithEndSize(120));
    }

    private static async Task<bool> RunAsync(Op[] ops, long diskBytes)
    {
        await using var run = new Run(diskBytes);
        foreach (Op op in ops)
        {
            await run.DoAsync(op);
        }

        return true;
    }

    private sealed record Op(int Kind, int Block, int Detail);

    private sealed class Run : IAsyncDisposable
    {
        private readonly SlabPool _pool = new();
        private readonly TestTimeProvider _time = new();
        private readonly HashSet<int> _held = [];
        private readonly Dictionary<string, (int[] Blocks, TimeSpan ExpiresAt)> _leases = [];
        private readonly bool _isDiskAmple;
        private readonly long _diskBytes;
        private MemoryFolder _folder = new();
        private TestTiers _tiers;
        private TimeSpan _now;
        private bool _isDamaged;

        public Run(long diskBytes)
        {
            _diskBytes = diskBytes;
            _isDiskAmple = diskBytes > 100 << 10;
            _tiers = Open();
        }

        private IEnumerable<int> Leased => _leases.Values.Where(lease => lease.ExpiresAt > _now).SelectMany(lease => lease.Blocks);

        public async Task DoAsync(Op op)
        {
            switch (op.Kind)
            {
                case < 30:
                    Put(op.Block, TestSlabs.LayerCount);
                    break;
                case < 38:
                    Put(op.Block, 1 + (op.Detail % 2));
                    break;
                case < 58:
                    await ReadAsync([.. Enumerable.Range(op.Block, 1 + (op.Detail % 4)).Select(block => block % BlockCount)]);
                    break;
                case < 76:
                    Lookup([.. Enumerable.Range(op.Block, 1 + (op.Detail % 4)).Select(block => block % BlockCount)], TimeSpan.FromSeconds(op.Detail / 4 % 4));
                    break;
                case < 82 when _leases.Count > 0:
                    string leaseId = _leases.Keys.ElementAt(op.Detail % _leases.Count);
                    _tiers.Store.ReleaseLease(leaseId);
                    _leases.Remove(leaseId);
                    break;
                case < 86:
                    bool wasHeld = _held.Remove(op.Block);
                    Assert.True(_tiers.Store.Drop(TestSlabs.Id(op.Block)) == wasHeld || IsLossAllowed);
                    break;
                case < 92:
                    _time.Advance(TimeSpan.FromSeconds(op.Detail % 3));
                    _now += TimeSpan.FromSeconds(op.Detail % 3);
                    break;
                case < 96:
                    await _tiers.Store.FlushAsync(default).Soon();
                    await _tiers.DisposeAsync();
                    _leases.Clear();
                    _tiers = Open();
                    break;
                case < 100:
                    await CrashAsync();
                    break;
                default:
                    Damage(op.Detail);
                    break;
            }

            await _tiers.Disk.FlushAsync(default).Soon();
            await _tiers.CheckIntegrityAsync();
        }

        public async ValueTask DisposeAsync()
        {
            await _tiers.DisposeAsync();
            _pool.Trim();
        }

        private bool IsLossAllowed => _isDamaged || !_isDiskAmple;

        private TestTiers Open() => new(_folder, _pool, _time, memoryBlocks: 3, _diskBytes);

        private void Put(int block, int layerCount)
        {
            List<PutResult> results = _tiers.Put(block, layerCount: layerCount);
            if (layerCount == TestSlabs.LayerCount && results.All(result => result is PutResult.Stored or PutResult.Known))
            {
                _held.Add(block);
            }
        }

        private async Task ReadAsync(int[] blocks)
        {
            // Memory full of leased blocks can't take in what is below.
            bool hasRoom = _tiers.Store.Memory.Stat().LeasedBlockCount == 0;
            string[] delivered = (await _tiers.ReadAsync(blocks)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            foreach (int block in blocks)
            {
                bool isThere = delivered.Contains($"{block}");
                Assert.True(_held.Contains(block) || !isThere, $"block {block} was delivered and not held");
                if (_held.Contains(block) && !isThere && hasRoom)
                {
                    Assert.True(_isDamaged || (!_isDiskAmple && !Leased.Contains(block)), $"block {block} was lost");
                    _held.Remove(block);
                }
            }
        }

        private void Lookup(int[] blocks, TimeSpan leaseTime)
        {
            int count = _tiers.Store.Lookup([.. blocks.Select(TestSlabs.Id)], leaseTime, out string leaseId);
            int expected = blocks.TakeWhile(_held.Contains).Count();
            Assert.True(count == expected || (count < expected && IsLossAllowed), $"{count} blocks were found, {expected} are held");
            if (count < expected && !_isDamaged)
            {
                Assert.DoesNotContain(blocks[count], Leased);
            }

            if (leaseId.Length > 0)
            {
                _leases[leaseId] = (blocks[..count], _now + leaseTime);
            }
        }

        private async Task CrashAsync()
        {
            _folder = _folder.Copy();
            _held.RemoveWhere(block => !_tiers.Disk.TryGetSize(TestSlabs.Id(block), out _));
            await _tiers.DisposeAsync();
            _leases.Clear();
            _tiers = Open();
        }

        private void Damage(int detail)
        {
            string[] names = [.. _folder.FileNames()];
            if (names.Length == 0)
            {
                return;
            }

            using KvStore.Disk.Files.IDiskFile file = _folder.Open(names[detail % names.Length]);
            byte[] one = new byte[1];
            long offset = detail % file.SizeBytes;
            file.Read([one], offset);
            one[0] ^= (byte)(1 << (detail % 8));
            file.Write([one], offset);
            _isDamaged = true;
        }
    }
}
