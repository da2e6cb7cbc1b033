using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Tests.Blocks;

public sealed class SlabPoolTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public unsafe void Rent_AnySize_IsExactAndAligned()
    {
        var pool = new SlabPool();
        foreach (int size in new[] { 1, 63, 1024, 1025, 34_560, 131_200, 1 << 20 })
        {
            using SlabLease lease = pool.Rent(size);
            Assert.Equal(size, lease.Span.Length);
            Assert.Equal(size, lease.Memory.Length);
            Assert.Equal(size, lease.SizeBytes);
            fixed (byte* start = lease.Span)
            {
                Assert.Equal(0, (nint)start % 64);
            }

            lease.Span.Fill(1);
            Assert.False(lease.Memory.Span.ContainsAnyExcept((byte)1));
        }

        Assert.Equal(0, pool.RentedBytes);
        pool.CheckIntegrity();
    }

    [Fact]
    public void Dispose_LastOfSharedLeases_ReturnsTheBuffer()
    {
        var pool = new SlabPool();
        SlabLease first = pool.Rent(5000);
        SlabLease second = first.Share();
        first.Span[0] = 7;
        first.Dispose();
        first.Dispose();
        Assert.Equal(1, pool.RentedCount);
        Assert.Equal(7, second.Span[0]);
        Assert.Throws<ObjectDisposedException>(() => first.Share());
        Assert.Throws<ObjectDisposedException>(() => first.Memory);
        Assert.Throws<ObjectDisposedException>(() => first.Span[0]);
        second.Dispose();
        Assert.Equal((0, 0L), (pool.RentedCount, pool.RentedBytes));
        Assert.Equal(8192, pool.RetainedBytes);
        pool.CheckIntegrity();
    }

    [Fact]
    public void Return_LastOfASegment_FreesItBeyondTheRetainedLimit()
    {
        var pool = new SlabPool(maxRetainedBytes: 300_000);
        SlabLease[] leases = [.. Enumerable.Range(0, 100).Select(_ => pool.Rent(10_000))];
        Assert.Equal(100 * 10_048, pool.RentedBytes);
        Array.ForEach(leases, lease => lease.Dispose());
        Assert.InRange(pool.RetainedBytes, 0, 300_000);
        pool.CheckIntegrity();
        pool.Trim();
        Assert.Equal(0, pool.RetainedBytes);
        pool.CheckIntegrity();
    }

    [Fact]
    public void Rent_AfterTheLeasesWereLeaked_FindsTheirMemoryAgain()
    {
        var pool = new SlabPool();
        Leak(pool);
        for (int i = 0; i < 20 && pool.LeakedCount < 10; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal((10, 0, 0L), (pool.LeakedCount, pool.RentedCount, pool.RentedBytes));
        pool.CheckIntegrity();
    }

    [Fact]
    public void Operations_AnySequence_KeepCountsAndContents()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed => RunRandomly(new SlabPool(50_000), seed, steps: 300))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(50));
    }

    [Fact]
    public async Task Operations_FromManyThreads_KeepCountsAndContents()
    {
        var pool = new SlabPool(200_000);
        Task[] tasks = [.. Enumerable.Range(0, 8).Select(seed => Task.Run(() => RunRandomly(pool, seed, steps: 5000, isAlone: false)))];
        await Task.WhenAll(tasks).WaitAsync(Limit, TestContext.Current.CancellationToken);
        Assert.Equal(0, pool.RentedCount);
        pool.CheckIntegrity();
    }

    [Fact]
    public async Task ShareAndDispose_OfOneLeaseFromManyThreads_ReturnsTheBufferOnce()
    {
        var pool = new SlabPool();
        int refused = 0;
        for (int round = 0; round < 300; round++)
        {
            SlabLease lease = pool.Rent(2000);
            using var barrier = new Barrier(4);
            Task[] tasks = [.. Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
            {
                barrier.SignalAndWait(Limit);
                if (thread == 0)
                {
                    lease.Dispose();
                    return;
                }

                try
                {
                    lease.Share().Dispose();
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused); // disposed first: refusing is right
                }
            }))];
            await Task.WhenAll(tasks).WaitAsync(Limit, TestContext.Current.CancellationToken);
            Assert.Equal(0, pool.RentedCount);
        }

        Assert.InRange(refused, 0, 3 * 300);
        pool.CheckIntegrity();
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Leak(SlabPool pool)
    {
        for (int i = 0; i < 10; i++)
        {
            pool.Rent(1000).Span.Fill(1);
        }
    }

    private static void RunRandomly(SlabPool pool, int seed, int steps, bool isAlone = true)
    {
        var random = new Random(seed);
        var held = new List<(SlabLease Lease, byte Mark)>();
        for (int step = 0; step < steps; step++)
        {
            int action = random.Next(10);
            if (action < 4 || held.Count == 0)
            {
                SlabLease lease = pool.Rent(random.Next(1, 20_000));
                byte mark = (byte)random.Next(256);
                lease.Span.Fill(mark);
                held.Add((lease, mark));
            }
            else
            {
                int index = random.Next(held.Count);
                (SlabLease lease, byte mark) = held[index];
                Assert.False(lease.Span.ContainsAnyExcept(mark));
                if (action < 6)
                {
                    held.Add((lease.Share(), mark));
                }
                else
                {
                    lease.Dispose();
                    held.RemoveAt(index);
                }
            }

            if (isAlone && step % 50 == 0)
            {
                pool.CheckIntegrity();
            }
        }

        held.ForEach(entry => entry.Lease.Dispose());
        if (isAlone)
        {
            Assert.Equal((0, 0L), (pool.RentedCount, pool.RentedBytes));
            pool.CheckIntegrity();
        }
    }
}
