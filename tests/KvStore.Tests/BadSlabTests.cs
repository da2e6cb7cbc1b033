using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Tests;

public abstract class BadSlabTests(Transport transport)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("payload bit", StatusCode.DataLoss, "payload_checksum")]
    [InlineData("header bit", StatusCode.DataLoss, "header_checksum")]
    [InlineData("magic", StatusCode.DataLoss, "bad_magic")]
    [InlineData("truncated", StatusCode.DataLoss, "truncated")]
    [InlineData("header only", StatusCode.DataLoss, "truncated")]
    [InlineData("appended", StatusCode.DataLoss, "malformed_payload")]
    [InlineData("replayed block", StatusCode.InvalidArgument, "wrong_block")]
    [InlineData("replayed layer", StatusCode.InvalidArgument, "wrong_layer")]
    [InlineData("old epoch", StatusCode.FailedPrecondition, "wrong_epoch")]
    [InlineData("foreign model", StatusCode.InvalidArgument, "foreign_model")]
    [InlineData("foreign codec", StatusCode.InvalidArgument, "foreign_codec")]
    [InlineData("other position", StatusCode.InvalidArgument, "wrong_position")]
    [InlineData("other geometry", StatusCode.InvalidArgument, "wrong_geometry")]
    [InlineData("other layer count", StatusCode.InvalidArgument, "wrong_geometry")]
    public async Task Put_BadSlab_IsRefusedByNameAndNothingStays(string kind, StatusCode code, string errorName)
    {
        await using TestStore store = await StartAsync();
        BlockId id = TestSlabs.Id(1);
        using AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> call = store.Client.Put();
        using Protocol.SlabFrame good = Frame(id, 0, TestSlabs.Bytes(id, 0));
        using Protocol.SlabFrame bad = BadFrame(kind, id);
        await call.RequestStream.WriteAsync(good).Soon();
        await WriteAsync(call, bad);

        RpcException error = await TestStore.FailsAsync(call.ResponseAsync);

        Assert.Equal((code, errorName), (error.StatusCode, error.Trailers.GetValue(CallStatus.SlabErrorTrailer)));
        Assert.Contains(id.ToString(), error.Status.Detail, StringComparison.Ordinal);
        StatReply stat = await store.StatAsync();
        Assert.Equal((1, 0, 0L), (stat.RefusedSlabs, stat.BlockCount, stat.ByteCount));
    }

    /// <summary>The refusal may be here before the write returns, which then throws it.</summary>
    private static async Task WriteAsync(AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> call, Protocol.SlabFrame frame)
    {
        try
        {
            await call.RequestStream.WriteAsync(frame).Soon();
        }
        catch (RpcException)
        {
            // The caller looks at the answer.
        }
    }

    [Theory]
    [InlineData("no worker", "worker_id")]
    [InlineData("status", "status")]
    [InlineData("no layers", "layer_count")]
    [InlineData("layer over", "layer ")]
    [InlineData("negative layer", "layer ")]
    [InlineData("empty", "slab")]
    public async Task Put_BadField_IsInvalidArgumentWithItsName(string kind, string field)
    {
        await using TestStore store = await StartAsync();
        BlockId id = TestSlabs.Id(1);
        byte[] slab = TestSlabs.Bytes(id, 0);
        using Protocol.SlabFrame frame = kind switch
        {
            "no worker" => Frame(id, 0, slab, workerId: ""),
            "status" => Frame(id, 0, slab, status: SlabStatus.Missing),
            "no layers" => Frame(id, 0, slab, layerCount: 0),
            "layer over" => Frame(id, TestSlabs.LayerCount, slab),
            "negative layer" => Frame(id, -1, slab),
            _ => Frame(id, 0, []),
        };
        using AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> call = store.Client.Put();
        await WriteAsync(call, frame);

        RpcException error = await TestStore.FailsAsync(call.ResponseAsync);

        Assert.Equal(StatusCode.InvalidArgument, error.StatusCode);
        Assert.StartsWith(field, error.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(0, (await store.StatAsync()).PutSlabs);
    }

    [Fact]
    public async Task Put_OlderEpoch_IsRefusedAlsoWhenItHasBegun()
    {
        await using TestStore store = await StartAsync();
        await using BlockWriter old = store.Writer(epoch: 7);
        TestStore.Enqueue(old, TestSlabs.Id(1), [0], epoch: 7);
        await store.EventuallyAsync(stat => stat.PutSlabs == 1);

        await store.PutAsync([TestSlabs.Id(2)], epoch: 8);
        TestStore.Enqueue(old, TestSlabs.Id(1), [1], epoch: 7);
        RpcException late = await TestStore.FailsAsync(old.Completion);
        RpcException stale = await TestStore.FailsAsync(store.PutAsync([TestSlabs.Id(3)], epoch: 7));

        Assert.Equal((StatusCode.FailedPrecondition, StatusCode.FailedPrecondition), (late.StatusCode, stale.StatusCode));
        Assert.Contains("epoch 7 of worker prefill-0", stale.Status.Detail, StringComparison.Ordinal);
        StatReply stat = await store.EventuallyAsync(stat => stat.PendingBlockCount == 0);
        Assert.Equal((1, 2), (stat.BlockCount, stat.StaleEpochPuts));
    }

    [Fact]
    public async Task Get_StoredSlabWentBad_SaysCorruptAndGoesOnWithAFreshCopy()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        Assert.True(store.Tier.FlipBit(TestSlabs.Id(1), 1, 8 * 200));

        await using IAsyncEnumerator<SlabArrival> arrivals = store.Get([TestSlabs.Id(1)], Patience);
        var seen = new List<string>();
        for (int i = 0; i < 2; i++)
        {
            Assert.True(await arrivals.MoveNextAsync().Soon());
            seen.Add(TestStore.Consume(arrivals.Current, [1]));
        }

        StatReply dropped = await store.StatAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        while (await arrivals.MoveNextAsync().Soon())
        {
            seen.Add(TestStore.Consume(arrivals.Current, [1]));
        }

        Assert.Equal("1:0 1:Corrupt 1:1 1:2", string.Join(' ', seen));
        Assert.Equal((0, 1), (dropped.BlockCount, dropped.CorruptSlabs));
    }

    [Fact]
    public async Task Get_StoredSlabWentBadAndNoWait_SaysCorruptOnceAndIsCountedOnce()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        store.Tier.FlipBit(TestSlabs.Id(1), 0, 3);
        Assert.Equal("1:Corrupt", await store.GetAllAsync([1]));
        Assert.Equal("1:Missing", await store.GetAllAsync([1]));
        StatReply stat = await store.StatAsync();
        Assert.Equal((1, 0L), (stat.CorruptSlabs, stat.ByteCount));
    }

    [Fact]
    public async Task Get_SlabOfAnotherModelThanExpected_IsRefusedByTheReader()
    {
        await using TestStore store = await StartAsync();
        await store.PutAsync([TestSlabs.Id(1)]);
        var wanted = new WantedBlock(TestSlabs.Id(1), TestSlabs.Expected with { ModelFingerprint = 99 });
        var errors = new List<SlabError>();
        await foreach (SlabArrival arrival in store.Reader.ReadAsync([wanted], TimeSpan.Zero))
        {
            Assert.False(arrival.IsUsable);
            errors.Add(arrival.Error);
        }

        Assert.Equal([SlabError.ForeignModel, SlabError.ForeignModel, SlabError.ForeignModel], errors);
        await store.Reader.DropAsync([wanted.Id], SlabError.ForeignModel).Soon();
        Assert.Equal((0, 1), ((await store.StatAsync()).BlockCount, (await store.StatAsync()).DroppedBlocks));
    }

    private static Protocol.SlabFrame BadFrame(string kind, BlockId id)
    {
        byte[] slab = TestSlabs.Bytes(id, 1);
        SlabHeader header = TestSlabs.Header(id, 1);
        switch (kind)
        {
            case "payload bit":
                slab[^1] ^= 0x10;
                return Frame(id, 1, slab);
            case "header bit":
                slab[20] ^= 1;
                return Frame(id, 1, slab);
            case "magic":
                slab[0] ^= 1;
                return Frame(id, 1, slab);
            case "truncated":
                return Frame(id, 1, slab[..^1]);
            case "header only":
                return Frame(id, 1, slab[..Slab.HeaderSizeBytes]);
            case "appended":
                return Frame(id, 1, [.. slab, 0]);
            case "replayed block":
                return Frame(id, 1, TestSlabs.Bytes(TestSlabs.Id(2), 1));
            case "replayed layer":
                return Frame(id, 1, TestSlabs.Bytes(id, 2));
            case "old epoch":
                return Frame(id, 1, TestSlabs.Bytes(id, 1, TestSlabs.Epoch - 1));
            case "other layer count":
                return Frame(id, 1, slab, layerCount: TestSlabs.LayerCount + 1);
            case "foreign model":
                header = header with { ModelFingerprint = 99 };
                break;
            case "foreign codec":
                header = header with { CodecFingerprint = 99 };
                break;
            case "other position":
                header = header with { FirstPosition = 128 };
                break;
            default:
                header = header with { HeadSize = 16 };
                break;
        }

        using SlabLease lease = TestSlabs.Make(SlabPool.Shared, header);
        return Frame(id, 1, lease.Span.ToArray());
    }

    private static Protocol.SlabFrame Frame(
        BlockId id,
        int layer,
        byte[] slab,
        int layerCount = TestSlabs.LayerCount,
        string workerId = "prefill-0",
        SlabStatus status = SlabStatus.Ok)
    {
        SlabLease? lease = slab.Length > 0 ? SlabPool.Shared.Rent(slab.Length) : null;
        slab.CopyTo(lease is null ? default : lease.Span);
        return new Protocol.SlabFrame(id, layer, layerCount, lease) { WorkerId = workerId, Epoch = TestSlabs.Epoch, Status = status };
    }

    private Task<TestStore> StartAsync(long budgetBytes = TestStore.DefaultBudgetBytes) => TestStore.StartAsync(budgetBytes, transport: transport);
}
