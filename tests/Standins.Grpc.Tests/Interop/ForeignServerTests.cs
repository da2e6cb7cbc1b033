using Google.Protobuf;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Interop;

/// <summary>Our client calls a grpcio server.</summary>
public sealed class ForeignServerTests
{
    private const string Message = "grüß Gott, 100 %\n😀";

    private static readonly EchoRequest HalfMebibyte = new() { Payload = ByteString.CopyFrom(new byte[512 * 1024]) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 60_000)]
    public async Task EachKindOfCall_Plain_Succeeds()
    {
        await using var server = await ForeignServer.StartAsync();
        var client = new Echo.EchoClient(server.Channel);
        Assert.Equal("grüße", (await client.SayAsync(new EchoRequest { Text = "grüße" }, cancellationToken: Stop)).Text);

        using var repeat = client.Repeat(new EchoRequest { Count = 100 }, cancellationToken: Stop);
        var indexes = new List<int>();
        await foreach (var reply in repeat.ResponseStream.ReadAllAsync(Stop))
        {
            indexes.Add(reply.Index);
        }

        Assert.Equal(Enumerable.Range(0, 100), indexes);

        using var gather = client.Gather(cancellationToken: Stop);
        for (var i = 0; i < 10; i++)
        {
            await gather.RequestStream.WriteAsync(new EchoRequest { Payload = ByteString.CopyFrom(new byte[i]) }, Stop);
        }

        await gather.RequestStream.CompleteAsync();
        Assert.Equal(45, (await gather).PayloadSizeBytes);

        using var converse = client.Converse(cancellationToken: Stop);
        for (var i = 0; i < 20; i++)
        {
            await converse.RequestStream.WriteAsync(new EchoRequest { Text = $"{i}" }, Stop);
            Assert.True(await converse.ResponseStream.MoveNext(Stop));
            Assert.Equal($"{i}", converse.ResponseStream.Current.Text);
        }

        await converse.RequestStream.CompleteAsync();
        Assert.False(await converse.ResponseStream.MoveNext(Stop));
        Assert.Equal("20", converse.GetTrailers().GetValue("conversed"));
    }

    [Fact(Timeout = 60_000)]
    public async Task Errors_WithMessageAndTrailers_Arrive()
    {
        await using var server = await ForeignServer.StartAsync();
        var client = new Echo.EchoClient(server.Channel);
        var refuse = new EchoRequest { Text = Message, Behaviour = Behaviour.Refuse, Count = 3 };
        var error = await Expect.StatusAsync(StatusCode.InvalidArgument, async () => await client.SayAsync(refuse, cancellationToken: Stop));
        Assert.Equal(Message, error.Status.Detail);
        Assert.Equal("as asked", error.Trailers.GetValue("why"));
        Assert.Equal([0, 1, 254, 255], error.Trailers.GetValueBytes("why-bin"));

        using var repeat = client.Repeat(refuse, cancellationToken: Stop);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(await repeat.ResponseStream.MoveNext(Stop));
        }

        error = await Expect.StatusAsync(StatusCode.InvalidArgument, () => repeat.ResponseStream.MoveNext(Stop));
        Assert.Equal(Message, error.Status.Detail);

        await Expect.StatusAsync(
            StatusCode.Unknown, async () => await client.SayAsync(new EchoRequest { Behaviour = Behaviour.Throw }, cancellationToken: Stop));
        await Expect.StatusAsync(
            StatusCode.Unimplemented, async () => await new Counted.CountedClient(server.Channel).CountAsync(new EchoRequest(), cancellationToken: Stop));
    }

    [Fact(Timeout = 60_000)]
    public async Task Headers_BothWays_Arrive()
    {
        await using var server = await ForeignServer.StartAsync();
        using var call = new Echo.EchoClient(server.Channel).SayAsync(
            new EchoRequest(), new Metadata { { "ask-headers", "text" }, { "ask-bin", [9, 0, 200] } }, cancellationToken: Stop);
        var headers = await call.ResponseHeadersAsync;
        Assert.Equal("text", headers.GetValue("reply-text"));
        Assert.Equal([9, 0, 200], headers.GetValueBytes("reply-bin"));
        await call;
    }

    [Fact(Timeout = 60_000)]
    public async Task DeadlineAndCancel_EndTheCallOnBothSides()
    {
        await using var server = await ForeignServer.StartAsync();
        var client = new Echo.EchoClient(server.Channel);
        var wait = new EchoRequest { Count = 1, Behaviour = Behaviour.Wait };
        await Expect.StatusAsync(
            StatusCode.DeadlineExceeded,
            async () => await client.SayAsync(wait, deadline: DateTime.UtcNow.AddMilliseconds(300), cancellationToken: Stop));
        await server.ExpectAsync("waiting");
        await server.ExpectAsync("cancelled");

        // The server alone knows this deadline.
        await Expect.StatusAsync(
            StatusCode.DeadlineExceeded,
            async () => await client.SayAsync(wait, new Metadata { { "grpc-timeout", "300m" } }, cancellationToken: Stop));
        await server.ExpectAsync("waiting");
        await server.ExpectAsync("cancelled");

        var call = client.Repeat(wait, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        await server.ExpectAsync("waiting");
        call.Dispose();
        await server.ExpectAsync("cancelled");
    }

    [Fact(Timeout = 120_000)]
    public async Task SixtyFourMebibytes_BothWays_ArriveWhole()
    {
        await using var server = await ForeignServer.StartAsync();
        var client = new Echo.EchoClient(server.Channel);
        using var gather = client.Gather(cancellationToken: Stop);
        for (var i = 0; i < 128; i++)
        {
            await gather.RequestStream.WriteAsync(HalfMebibyte, Stop);
        }

        await gather.RequestStream.CompleteAsync();
        Assert.Equal(64L * 1024 * 1024, (await gather).PayloadSizeBytes);

        using var repeat = client.Repeat(new EchoRequest(HalfMebibyte) { Count = 128 }, cancellationToken: Stop);
        var size = 0L;
        await foreach (var reply in repeat.ResponseStream.ReadAllAsync(Stop))
        {
            size += reply.Payload.Length;
        }

        Assert.Equal(64L * 1024 * 1024, size);
    }

    [Fact(Timeout = 60_000)]
    public async Task Gzip_BothWays_ArrivesWhole()
    {
        await using var server = await ForeignServer.StartAsync("--gzip");
        var client = new Echo.EchoClient(server.Channel);
        using var call = client.SayAsync(
            HalfMebibyte, new Metadata { { "grpc-internal-encoding-request", "gzip" }, { "ask-headers", "x" }, { "ask-bin", [] } }, cancellationToken: Stop);
        Assert.Equal(HalfMebibyte.Payload, (await call).Payload);
        using var repeat = client.Repeat(new EchoRequest(HalfMebibyte) { Count = 4 }, cancellationToken: Stop);
        var count = 0;
        await foreach (var reply in repeat.ResponseStream.ReadAllAsync(Stop))
        {
            Assert.Equal(HalfMebibyte.Payload, reply.Payload);
            count++;
        }

        Assert.Equal(4, count);
    }

    [Fact(Timeout = 60_000)]
    public async Task ServerKilled_MidStream_IsUnavailable()
    {
        var server = await ForeignServer.StartAsync();
        using var call = new Echo.EchoClient(server.Channel).Repeat(
            new EchoRequest { Count = 1, Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        var next = call.ResponseStream.MoveNext(Stop);
        await server.KillAsync();
        await Expect.StatusAsync(StatusCode.Unavailable, () => next);
        await server.DisposeAsync();
    }
}
