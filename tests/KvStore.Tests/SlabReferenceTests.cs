using System.Diagnostics;
using System.Runtime.Versioning;
using FsCheck;
using FsCheck.Fluent;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Tests.Disk;
using KvCluster.Protocol;
using KvCluster.Protocol.Streams;
using KvCluster.Protocol.Transfer;
using Microsoft.Win32.SafeHandles;

namespace KvCluster.KvStore.Tests;

/// <summary>Slabs that go by reference; that calls over them do what all calls do is in the tests that run over every transport.</summary>
[SupportedOSPlatform("linux")]
public sealed class SlabReferenceTests
{
    private const int LargeBytes = 1 << 20;
    private const int SlabCount = 16;
    private const int WindowBytes = (int)LentSlabs.WindowBytes;

    [Fact]
    public void Send_SlabsOfAnySize_ComeAsTheyAre()
    {
        const int Least = SlabSocket.DefaultMinReferredSizeBytes;
        Gen<int> size = Gen.OneOf(Gen.Choose(1, 300), Gen.Choose(Least - 2, Least + 2), Gen.Choose(1, 200_000), Gen.Elements(1, Least - 1, Least, Least + 1, 4096, 2 << 20));
        Prop.ForAll(size.NonEmptyListOf().Select(sizes => sizes.ToArray()).ToArbitrary(), sizes => SendAsync(sizes).GetAwaiter().GetResult())
            .Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    [Theory]
    [InlineData(GrpcChannels.MaxMessageSizeBytes)]
    [InlineData(WindowBytes + 1)]
    public async Task Send_SlabLargerThanAllThatMayBeLent_ComesAsItIs(int sizeBytes) => Assert.True(await SendAsync([20_000, sizeBytes, sizeBytes, 20_000]));

    [Fact]
    public async Task Receive_SenderHasChangedABitMeanwhile_SlabIsRefused()
    {
        using SocketPair pair = await SocketPair.CreateAsync();
        using SlabLease slab = TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(1), 0, payloadSizeBytes: LargeBytes);
        using (var frame = new Protocol.SlabFrame(TestSlabs.Id(1), 0, TestSlabs.LayerCount, slab.Share()))
        {
            await pair.Left.SendAsync(frame, isFirst: true).AsTask().Soon();
        }

        slab.Span[12_345] ^= 8;
        using SlabLease received = (await pair.Right.ReceiveAsync().Soon())!.Value.Slab!;
        Assert.Equal(SlabError.PayloadChecksum, Slab.TryRead(received.Span, out _));
        Assert.Equal(1, pair.Traffic.ReferredSlabCount);
    }

    [Fact]
    public async Task Send_NobodyReads_LendsNoMoreThanTheWindowAndFreesItWhenClosed()
    {
        long before = SlabPool.Shared.RentedBytes;
        using SocketPair pair = await SocketPair.CreateAsync();
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; ; i++)
            {
                using Protocol.SlabFrame frame = SocketPair.Frame(LargeBytes, i, out _);
                await pair.Left.SendAsync(frame, isFirst: false);
            }
        });
        await Eventually.TrueAsync(() => SlabPool.Shared.RentedBytes - before == WindowBytes + LargeBytes);
        Assert.False(sending.IsCompleted);

        pair.Left.Dispose();

        await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => sending.Soon());
        Assert.Equal(before, SlabPool.Shared.RentedBytes);
        SlabPool.Shared.CheckIntegrity();
    }

    [Fact]
    public async Task Receive_SenderGaveUpAndUsesItsMemoryForSomethingElse_IsNoSlab()
    {
        using SocketPair pair = await SocketPair.CreateAsync();
        using (Protocol.SlabFrame frame = SocketPair.Frame(LargeBytes, 0, out _))
        {
            await pair.Left.SendAsync(frame, isFirst: false).AsTask().Soon();
        }

        pair.Left.Dispose();
        using (SocketPair other = await SocketPair.CreateAsync())
        {
            // Another connection lends, perhaps with the same word.
            await Assert.ThrowsAsync<IOException>(() => pair.Right.ReceiveAsync().Soon());
        }
    }

    [Fact]
    public async Task Trim_WhileTheOtherEndHasTheMemoryMapped_GivesItBackAndLendsOnAfterwards()
    {
        using SocketPair pair = await SocketPair.CreateAsync();
        Assert.True(await ExchangeAsync(pair, [.. Enumerable.Repeat(LargeBytes, 40)]));
        SafeFileHandle file = SlabPool.Shared.SharedMemory!.File;
        long full = AllocatedBytes(file);

        SlabPool.Shared.Trim();

        Assert.Equal(0, SlabPool.Shared.RetainedBytes);
        Assert.InRange(full, LargeBytes, long.MaxValue);
        Assert.InRange(AllocatedBytes(file), 0, 64 << 10);
        Assert.True(await ExchangeAsync(pair, [LargeBytes, 20_000]));
        SlabPool.Shared.CheckIntegrity();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Calls_EndedAtAnyPoint_FreeBothSidesAndNothingIsRefused(bool isPut)
    {
        await using TestStore store = await TestStore.StartAsync(transport: Transport.LocalSlabStreams, budgetBytes: 256 << 20);
        var random = new Random(5);
        int fileCount = 0;
        if (!isPut)
        {
            await PutAsync(store, 0, default);
        }

        for (int i = 0; i < 200; i++)
        {
            using var abort = new CancellationTokenSource();
            Task call = isPut ? PutAsync(store, 1 + (i % 2), abort.Token) : GetAsync(store, 0, random.Next(2 * SlabCount), abort);
            if (isPut)
            {
                SpinWait.SpinUntil(() => call.IsCompleted, TimeSpan.FromMicroseconds(random.Next(3000)));
                await abort.CancelAsync();
            }

            try
            {
                await call.Soon();
            }
            catch (RpcException error) when (error.StatusCode is StatusCode.Cancelled or StatusCode.Unavailable)
            {
                // The latter over gRPC, while no connection is ready.
            }

            fileCount = i == 20 ? OpenFileCount() : fileCount;
        }

        await store.EventuallyAsync(stat => stat is { ReadBlockCount: 0, PendingBlockCount: 0, WaitingReaderCount: 0 });
        Assert.Equal((0, 0), (store.Tier.Counters.RefusedSlabs, store.Listener.BrokenCount));
        await Eventually.TrueAsync(() => SlabPool.Shared.RentedBytes == store.Tier.Stat().ByteCount);
        store.Tier.CheckIntegrity(SlabPool.Shared);
        Assert.True(store.Listener.ReferredSlabCount > 200);
        Assert.InRange(OpenFileCount(), 0, fileCount + 20);
    }

    [Fact]
    public async Task Put_ShardIsKilledMeanwhile_FreesAllThatWasLent()
    {
        (long before, int mappingCount) = (SlabPool.Shared.RentedBytes, PeerMemory.MappingCount);
        await using (StoreProcess process = await StoreProcess.StartAsync("--ListenAddress=http://127.0.0.1:0", "--MemoryBudgetBytes=100000000"))
        {
            using var streams = new SlabStreamInvoker(process.Channel!.CreateCallInvoker(), process.Address);
            await streams.ConnectAsync().Soon();
            Assert.Equal(mappingCount + 1, PeerMemory.MappingCount);
            var writer = new BlockWriter(new V1.KvStore.KvStoreClient(streams), "prefill-0", TestSlabs.Epoch);
            int sent = 0;
            Task putting = Task.Run(async () =>
            {
                while (await writer.EnqueueAsync(TestSlabs.Id(sent), 0, 1, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(sent), 0, payloadSizeBytes: LargeBytes)))
                {
                    sent++;
                }
            });
            await Eventually.TrueAsync(() => sent > 100);
            await process.KillAsync();

            await putting.Soon();
            await Assert.ThrowsAsync<RpcException>(() => writer.CompleteAsync().Soon());
            await writer.DisposeAsync();
        }

        await Eventually.TrueAsync(() => SlabPool.Shared.RentedBytes == before && PeerMemory.MappingCount == mappingCount);
        SlabPool.Shared.CheckIntegrity();
    }

    private static int OpenFileCount() => Directory.GetFileSystemEntries("/proc/self/fd").Length;

    /// <summary>Bytes of memory that a file in memory takes up, as the kernel counts.</summary>
    private static long AllocatedBytes(SafeFileHandle file)
    {
        using Process stat = Process.Start(new ProcessStartInfo("stat", ["-L", "-c", "%b", $"/proc/{Environment.ProcessId}/fd/{file.DangerousGetHandle()}"]) { RedirectStandardOutput = true })!;
        return 512 * long.Parse(stat.StandardOutput.ReadToEnd());
    }

    private static async Task PutAsync(TestStore store, int block, CancellationToken cancellationToken)
    {
        await using BlockWriter writer = store.Writer(cancellationToken: cancellationToken);
        for (int layer = 0; layer < SlabCount && await writer.EnqueueAsync(
            TestSlabs.Id(block), layer, SlabCount, TestSlabs.Make(SlabPool.Shared, TestSlabs.Id(block), layer, payloadSizeBytes: 40_000)); layer++)
        {
        }

        await writer.CompleteAsync();
    }

    private static async Task GetAsync(TestStore store, int block, int endAfter, CancellationTokenSource abort)
    {
        var wanted = new WantedBlock(TestSlabs.Id(block), TestSlabs.Expected with { Geometry = default });
        await foreach (SlabArrival arrival in store.Reader.ReadAsync([wanted], TimeSpan.Zero, cancellationToken: abort.Token))
        {
            using SlabLease slab = arrival.Slab!;
            Assert.Equal(TestSlabs.Bytes(TestSlabs.Id(block), arrival.Layer, payloadSizeBytes: 40_000), slab.Span.ToArray());
            if (arrival.Layer == endAfter)
            {
                await abort.CancelAsync();
            }
        }
    }

    private static async Task<bool> SendAsync(int[] sizes)
    {
        int before = SlabPool.Shared.RentedCount;
        using (SocketPair pair = await SocketPair.CreateAsync())
        {
            Assert.True(await ExchangeAsync(pair, sizes));
            Assert.Equal(sizes.Count(size => size >= SlabSocket.DefaultMinReferredSizeBytes), pair.Traffic.ReferredSlabCount);
        }

        Assert.Equal(before, SlabPool.Shared.RentedCount);
        SlabPool.Shared.CheckIntegrity();
        return true;
    }

    /// <summary>Frames from the left to the right, and the end of the call; all that was lent is back then.</summary>
    private static async Task<bool> ExchangeAsync(SocketPair pair, int[] sizes)
    {
        var contents = new byte[sizes.Length][];
        Task<SlabMessage?> heard = pair.Left.ReceiveAsync().AsTask();
        Task sending = Task.Run(async () =>
        {
            for (int i = 0; i < sizes.Length; i++)
            {
                using Protocol.SlabFrame frame = SocketPair.Frame(sizes[i], i, out contents[i]);
                await pair.Left.SendAsync(frame, isFirst: i == 0);
            }

            await pair.Left.SendAsync(SlabMessageKind.End, default);
        });
        for (int i = 0; i < sizes.Length; i++)
        {
            using Protocol.SlabFrame frame = (await pair.Right.ReceiveAsync().Soon())!.Value.ToFrame();
            Assert.Equal((i, i == 0 ? "prefill-0" : ""), (frame.Layer, frame.WorkerId));
            Assert.True(frame.SlabBytes.SequenceEqual(contents[i]));
        }

        Assert.Equal(SlabMessageKind.End, (await pair.Right.ReceiveAsync().Soon())!.Value.Kind);
        await sending.Soon();
        await pair.Right.SendAsync(SlabMessageKind.Status, default).AsTask().Soon();
        Assert.Equal(SlabMessageKind.Status, (await heard.Soon())!.Value.Kind);
        Assert.True(pair.Left.IsQuiet && !pair.Left.IsLending);
        return true;
    }
}
