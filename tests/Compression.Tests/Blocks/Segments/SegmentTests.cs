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
    [Fact]
    public void RentAndReturn_AnySequence_NeverOverlapsAndLosesNothing()
    {
        Gen<(int, int)> op = Gen.Choose(0, 99).SelectMany(kind => Gen.Choose(1, 400_000).Select(detail => (kind, detail)));
        Prop.ForAll(op.ListOf().Select(ops => ops.ToArray()).ToArbitrary(), Run)
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

    private static bool Run((int Kind, int Detail)[] ops)
    {
        var pool = new SlabPool(maxRetainedBytes: 300_000);
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
