using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class DeadlineTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static DateTime Soon => DateTime.UtcNow.AddMilliseconds(200);

    /// <summary>Late enough for a call on an open connection to get as far as it can, also on a busy machine.</summary>
    private static DateTime Later => DateTime.UtcNow.AddSeconds(2);

    [Fact(Timeout = 20_000)]
    public async Task Client_DeadlinePasses_EndsBothSides()
    {
        await using var server = await TestServer.StartAsync();
        await server.Client().SayAsync(new EchoRequest(), cancellationToken: Stop);
        await Expect.StatusAsync(
            StatusCode.DeadlineExceeded,
            async () => await server.Client().SayAsync(new EchoRequest { Behaviour = Behaviour.Wait }, deadline: Later, cancellationToken: Stop));
        await server.Record.Cancelled.Task.WaitAsync(Stop);
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_DeadlinePassesWhileStreaming_EndsTheReading()
    {
        await using var server = await TestServer.StartAsync();
        await server.Client().SayAsync(new EchoRequest(), cancellationToken: Stop);
        using var call = server.Client().Repeat(
            new EchoRequest { Count = 1, Behaviour = Behaviour.Wait }, deadline: Later, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        await Expect.StatusAsync(StatusCode.DeadlineExceeded, () => call.ResponseStream.MoveNext(Stop));
        await server.Record.Cancelled.Task.WaitAsync(Stop);
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_DeadlinePassed_FailsAtOnce()
    {
        await using var server = await TestServer.StartAsync();
        await Expect.StatusAsync(
            StatusCode.DeadlineExceeded,
            async () => await server.Client().SayAsync(new EchoRequest(), deadline: DateTime.UtcNow.AddSeconds(-1), cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_ThrowsOperationCanceled_WhenAsked()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client(new GrpcChannelOptions { ThrowOperationCanceledOnCancellation = true });
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await client.SayAsync(new EchoRequest { Behaviour = Behaviour.Wait }, deadline: Soon, cancellationToken: Stop));
    }

    [Theory(Timeout = 20_000)]
    [InlineData(Behaviour.Wait)]
    [InlineData(Behaviour.WaitDeaf)]
    public async Task Server_DeadlinePasses_AnswersEvenIfTheHandlerGoesOn(Behaviour behaviour)
    {
        // As a bare header the timeout is known to the server alone.
        await using var server = await TestServer.StartAsync();
        var headers = new Metadata { { "grpc-timeout", "200m" } };
        await Expect.StatusAsync(
            StatusCode.DeadlineExceeded,
            async () => await server.Client().SayAsync(new EchoRequest { Behaviour = behaviour }, headers, cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_DeadlinePassesAfterMessages_AnswersInTrailers()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Repeat(
            new EchoRequest { Count = 2, Behaviour = Behaviour.WaitDeaf }, new Metadata { { "grpc-timeout", "300m" } }, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        await Expect.StatusAsync(StatusCode.DeadlineExceeded, () => call.ResponseStream.MoveNext(Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_DeadlineFarAway_DoesNotTrouble()
    {
        await using var server = await TestServer.StartAsync();
        var reply = await server.Client().SayAsync(
            new EchoRequest { Text = "x" }, deadline: DateTime.UtcNow.AddYears(50), cancellationToken: Stop);
        Assert.Equal("x", reply.Text);
    }
}
