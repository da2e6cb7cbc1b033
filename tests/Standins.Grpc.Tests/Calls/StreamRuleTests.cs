using Google.Protobuf;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class StreamRuleTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Write_WhileAnotherIsPending_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Gather(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(new EchoRequest { Behaviour = Behaviour.WaitDeaf }, Stop);
        await server.Record.Waiting.Task.WaitAsync(Stop);

        // The server reads no further, so its window fills and a write stays pending.
        var large = new EchoRequest { Payload = ByteString.CopyFrom(new byte[3 * 1024 * 1024]) };
        var pending = call.RequestStream.WriteAsync(large, Stop);
        Assert.False(pending.IsCompleted);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new EchoRequest(), Stop));
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.CompleteAsync());
        server.Record.Release.TrySetResult();
        await pending;
        await call.RequestStream.CompleteAsync();
        Assert.Equal(2, (await call).Index);
    }

    [Fact(Timeout = 20_000)]
    public async Task Write_AfterComplete_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Gather(cancellationToken: Stop);
        await call.RequestStream.CompleteAsync();
        await call.RequestStream.CompleteAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.RequestStream.WriteAsync(new EchoRequest(), Stop));
        await call;
    }

    [Fact(Timeout = 20_000)]
    public async Task Write_AfterTheCallFailed_ThrowsItsStatus()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Gather(cancellationToken: Stop);

        // The server can refuse the message before the flush that sent it returns; then the status is this write's already.
        Exception? early = await Record.ExceptionAsync(
            () => call.RequestStream.WriteAsync(new EchoRequest { Text = "no", Behaviour = Behaviour.Refuse }, Stop));
        Assert.True(early is null or RpcException { StatusCode: StatusCode.InvalidArgument }, $"{early}");
        await Expect.StatusAsync(StatusCode.InvalidArgument, () => call.ResponseAsync);
        await Expect.StatusAsync(StatusCode.InvalidArgument, () => call.RequestStream.WriteAsync(new EchoRequest(), Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Current_WithoutAMessage_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Repeat(new EchoRequest { Count = 0 }, cancellationToken: Stop);
        Assert.Throws<InvalidOperationException>(() => call.ResponseStream.Current);
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Throws<InvalidOperationException>(() => call.ResponseStream.Current);
    }

    [Fact(Timeout = 20_000)]
    public async Task MoveNext_WhileAnotherIsPending_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Repeat(new EchoRequest { Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        var pending = call.ResponseStream.MoveNext(Stop);
        await Assert.ThrowsAsync<InvalidOperationException>(() => call.ResponseStream.MoveNext(Stop));
        call.Dispose();
        await Expect.StatusAsync(StatusCode.Cancelled, () => pending);
    }

    [Fact(Timeout = 60_000)]
    public async Task Gather_SixtyFourMebibytes_ArrivesWhole()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Gather(cancellationToken: Stop);
        var message = new EchoRequest { Payload = ByteString.CopyFrom(new byte[512 * 1024]) };
        for (var i = 0; i < 128; i++)
        {
            await call.RequestStream.WriteAsync(message, Stop);
        }

        await call.RequestStream.CompleteAsync();
        Assert.Equal(64L * 1024 * 1024, (await call).PayloadSizeBytes);
    }

    [Fact(Timeout = 60_000)]
    public async Task Repeat_SixtyFourMebibytes_ArrivesWhole()
    {
        await using var server = await TestServer.StartAsync();
        var payload = new byte[512 * 1024];
        Random.Shared.NextBytes(payload);
        using var call = server.Client().Repeat(
            new EchoRequest { Payload = ByteString.CopyFrom(payload), Count = 128 }, cancellationToken: Stop);
        var count = 0;
        await foreach (var reply in call.ResponseStream.ReadAllAsync(Stop))
        {
            Assert.True(reply.Payload.Span.SequenceEqual(payload));
            count++;
        }

        Assert.Equal(128, count);
    }
}
