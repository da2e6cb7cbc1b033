using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Blocks.Segments;

public sealed unsafe partial class SegmentTests
{
    private const int MiB = 1 << 20;

    /// <summary>The oracle is a plain list of address ranges, each checked against all others.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RentAndReturn_AnySequence_NeverOverlapsAndLosesNothing(bool isShared)
    {
        Gen<(int, int)> op = Gen.Choose(0, 99).SelectMany(kind => Gen.Choose(1, 400_000).Select(detail => (kind, detail)));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), ops => Run(ops, isShared))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(300).WithEndSize(400));
    }

    [Fact]
    public void Return_ManyHolesBeyondTheRetainedLimit_GivesTheirPagesBack()
    {
        var pool = new SlabPool(maxRetainedBytes: 4 * MiB);
        SlabLease[] leases = [.. Enumerable.Range(0, 2000).Select(_ => pool.Rent(60_000))];
        nint[] starts = new nint[leases.Length];
        for (int i = 0; i < leases.Length; i++)
        {
            leases[i].Span.Fill((byte)i);
            starts[i] = (nint)Unsafe.AsPointer(ref leases[i].Span[0]);
        }

        for (int i = 0; i < leases.Length; i += 2)
        {
            leases[i].Dispose();
        }

        // 60 MB are idle in holes between slabs; the limit and the edges of 1,000 holes are kept.
        Assert.InRange(pool.RetainedBytes, 1, (4 * MiB) + (1000 * 2 * 4096));
        pool.CheckIntegrity();
        if (OperatingSystem.IsLinux())
        {
            // What the kernel says of whole pages inside the holes, the few small segments of a young pool aside.
            int residentCount = starts.Where((_, i) => i % 2 == 0).Sum(start => ResidentPageCount(start, 60_000));
            Assert.InRange(residentCount, 0, ((4 * MiB) + (4 * MiB)) / 4096);
        }

        for (int i = 1; i < leases.Length; i += 2)
        {
            Assert.False(leases[i].Span.ContainsAnyExcept((byte)i));
            leases[i].Dispose();
        }

        pool.CheckIntegrity();
    }

    [Theory]
    [InlineData(1 << 30)]
    [InlineData(33 * MiB)]
    [InlineData((32 * MiB) - 1)]
    public void Rent_LargerThanASegment_HasOneOfItsOwn(int sizeBytes)
    {
        var pool = new SlabPool();
        using (SlabLease lease = pool.Rent(sizeBytes))
        {
            lease.Span[^1] = 5;
            Assert.Equal(5, lease.Memory.Span[^1]);
            pool.CheckIntegrity();
        }

        pool.Trim();
        Assert.Equal(0, pool.RetainedBytes);
        pool.CheckIntegrity();
    }

    private static int ResidentPageCount(nint start, int sizeBytes)
    {
        nint first = (start + 4095) & -4096;
        int pageCount = (int)((start + sizeBytes - first) / 4096);
        byte[] pages = new byte[pageCount];
        Assert.Equal(0, MemoryInCore(first, (nuint)pageCount * 4096, pages));
        return pages.Count(page => (page & 1) != 0);
    }

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int MemoryInCore(nint start, nuint length, byte[] pages);

    [Fact]
    public void SharedMemory_Slabs_LieWhereTheySayAndNoTwoInOnePlace()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "memory is shared on Linux alone");
        var pool = new SlabPool(maxRetainedBytes: 4 * MiB);
        SlabLease before = pool.Rent(100);
        SharedSlabMemory memory = pool.TryShareMemory()!;
        Assert.Same(memory, pool.TryShareMemory());
        Assert.Null(before.SharedOffsetIn(pool));
        before.Dispose();
        pool.Trim();
        using (SlabLease after = pool.Rent(100))
        {
            Assert.NotNull(after.SharedOffsetIn(pool));
            Assert.Null(after.SharedOffsetIn(SlabPool.Shared));
        }

        SlabLease[] leases = [.. Enumerable.Range(0, 200).Select(i => pool.Rent(1 + (i * 3001)))];
        byte[] found = new byte[leases[^1].SizeBytes];
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < leases.Length; i++)
            {
                leases[i].Span.Fill((byte)(i + round));
            }

            for (int i = 0; i < leases.Length; i++)
            {
                // As whoever else has the file sees it.
                Span<byte> bytes = found.AsSpan(0, leases[i].SizeBytes);
                Assert.Equal(bytes.Length, RandomAccess.Read(memory.File, bytes, leases[i].SharedOffsetIn(pool)!.Value));
                Assert.False(bytes.ContainsAnyExcept((byte)(i + round)));
                leases[i].Dispose();
            }

            pool.Trim();
            pool.CheckIntegrity();
            leases = round == 0 ? [.. leases.Select(lease => pool.Rent(lease.SizeBytes))] : [];
        }

        Assert.Equal(0, pool.RetainedBytes);
    }

    [Fact]
    public void SharedMemory_Words_HoldUntilTheyAreClosedAndNeverAgain()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "memory is shared on Linux alone");
        SharedSlabMemory memory = new SlabPool().TryShareMemory()!;
        var seen = new HashSet<long>();
        Assert.True(memory.TryOpenWord(out long kept, out long keptValue));
        for (int i = 0; i < 1000; i++)
        {
            Assert.True(memory.TryOpenWord(out long offset, out long value));
            Assert.True(SharedSlabMemory.IsWord(offset) && offset != kept && seen.Add(value));
            Assert.Equal(value, Read(offset));
            memory.CloseWord(offset);
            Assert.NotEqual(value, Read(offset));
        }

        Assert.Equal(keptValue, Read(kept));

        long Read(long offset)
        {
            byte[] word = new byte[sizeof(long)];
            Assert.Equal(word.Length, RandomAccess.Read(memory.File, word, offset));
            return BitConverter.ToInt64(word);
        }
    }

    private static bool Run((int Kind, int Detail)[] ops, bool isShared)
    {
        var pool = new SlabPool(maxRetainedBytes: 300_000);
        Assert.Equal(isShared && OperatingSystem.IsLinux(), isShared && pool.TryShareMemory() is not null);
        var live = new List<(SlabLease Lease, nuint Start, byte Mark)>();
        foreach ((int kind, int detail) in ops)
        {
            if (kind < 60 || live.Count == 0)
            {
                SlabLease lease = pool.Rent(kind < 20 ? 1 + (detail % 3000) : detail);
                var start = (nuint)Unsafe.AsPointer(ref lease.Span[0]);
                Assert.Equal(0u, start % 64);
                Assert.DoesNotContain(live, other => start < other.Start + (nuint)other.Lease.SizeBytes && other.Start < start + (nuint)lease.SizeBytes);
                lease.Span.Fill((byte)detail);
                live.Add((lease, start, (byte)detail));
            }
            else
            {
                // Runs of neighbours go together, as the slabs of a block do.
                int index = detail % live.Count;
                int count = Math.Min(1 + (kind % 8), live.Count - index);
                foreach ((SlabLease lease, _, byte mark) in live.GetRange(index, count))
                {
                    Assert.False(lease.Span.ContainsAnyExcept(mark));
                    lease.Dispose();
                }

                live.RemoveRange(index, count);
            }

            Assert.Equal(live.Sum(entry => entry.Lease.ReservedBytes), pool.RentedBytes);
            Assert.Equal(live.Count, pool.RentedCount);
            pool.CheckIntegrity();
        }

        live.ForEach(entry => entry.Lease.Dispose());
        pool.CheckIntegrity();
        pool.Trim();
        Assert.Equal((0L, 0L), (pool.RentedBytes, pool.RetainedBytes));
        return true;
    }
}
