using Google.Protobuf;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class CallTypeTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Unary_Plain_RepliesWithRequest()
    {
        await using var server = await TestServer.StartAsync();
        var reply = await server.Client().SayAsync(new EchoRequest { Text = "grüße", Payload = ByteString.CopyFrom(1, 2, 3) }, cancellationToken: Stop);
        Assert.Equal("grüße", reply.Text);
        Assert.Equal([1, 2, 3], reply.Payload.ToByteArray());
    }

    [Fact(Timeout = 20_000)]
    public async Task Unary_Blocking_RepliesWithRequest()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Equal("x", server.Client().Say(new EchoRequest { Text = "x" }, cancellationToken: Stop).Text);
    }

    [Fact(Timeout = 20_000)]
    public async Task ServerStreaming_Hundred_RepliesInOrder()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Repeat(new EchoRequest { Text = "x", Count = 100 }, cancellationToken: Stop);
        var indexes = new List<int>();
        await foreach (var reply in call.ResponseStream.ReadAllAsync(Stop))
        {
            indexes.Add(reply.Index);
        }

        Assert.Equal(Enumerable.Range(0, 100), indexes);
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task ClientStreaming_Ten_RepliesWithSum()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Gather(cancellationToken: Stop);
        for (var i = 0; i < 10; i++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Payload = ByteString.CopyFrom(new byte[i]) }, Stop);
        }

        await call.RequestStream.CompleteAsync();
        var reply = await call;
        Assert.Equal(10, reply.Index);
        Assert.Equal(45, reply.PayloadSizeBytes);
    }

    [Fact(Timeout = 20_000)]
    public async Task Duplex_PingPong_RepliesToEach()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Converse(cancellationToken: Stop);
        for (var i = 0; i < 20; i++)
        {
            await call.RequestStream.WriteAsync(new EchoRequest { Text = $"{i}" }, Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal($"{i}", call.ResponseStream.Current.Text);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal("20", call.GetTrailers().GetValue("conversed"));
    }
}
