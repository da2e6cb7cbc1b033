using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class StatusTests
{
    private const string Message = "grüß Gott, 100 %\n😀";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Unary_Refused_CarriesMessageAndTrailers()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().SayAsync(new EchoRequest { Text = Message, Behaviour = Behaviour.Refuse }, cancellationToken: Stop);
        var error = await Expect.StatusAsync(StatusCode.InvalidArgument, () => call.ResponseAsync);
        Assert.Equal(Message, error.Status.Detail);
        Assert.Equal("as asked", error.Trailers.GetValue("why"));
        Assert.Equal([0, 1, 254, 255], error.Trailers.GetValueBytes("why-bin"));
        Assert.Equal(StatusCode.InvalidArgument, call.GetStatus().StatusCode);
        Assert.Equal("as asked", call.GetTrailers().GetValue("why"));
    }

    [Fact(Timeout = 20_000)]
    public async Task ServerStreaming_RefusedAfterMessages_ComesAfterThem()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().Repeat(
            new EchoRequest { Text = Message, Count = 3, Behaviour = Behaviour.Refuse }, cancellationToken: Stop);
        for (var i = 0; i < 3; i++)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop));
        }

        var error = await Expect.StatusAsync(StatusCode.InvalidArgument, () => call.ResponseStream.MoveNext(Stop));
        Assert.Equal(Message, error.Status.Detail);
        Assert.Equal([0, 1, 254, 255], error.Trailers.GetValueBytes("why-bin"));
    }

    [Fact(Timeout = 20_000)]
    public async Task Handler_Throws_IsUnknownWithoutDetail()
    {
        await using var server = await TestServer.StartAsync();
        var error = await Expect.StatusAsync(
            StatusCode.Unknown, async () => await server.Client().SayAsync(new EchoRequest { Behaviour = Behaviour.Throw }, cancellationToken: Stop));
        Assert.DoesNotContain("secret", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = 20_000)]
    public async Task Handler_ThrowsWithDetailedErrors_SaysWhat()
    {
        await using var server = await TestServer.StartAsync(options => options.EnableDetailedErrors = true);
        var error = await Expect.StatusAsync(
            StatusCode.Unknown, async () => await server.Client().SayAsync(new EchoRequest { Behaviour = Behaviour.Throw }, cancellationToken: Stop));
        Assert.Contains("InvalidDataException: a secret", error.Status.Detail, StringComparison.Ordinal);
    }

    [Theory(Timeout = 20_000)]
    [InlineData("kvcluster.test.Echo", "Missing", "no method Missing")]
    [InlineData("kvcluster.test.Missing", "Say", "no service kvcluster.test.Missing")]
    public async Task Unmapped_Called_IsUnimplemented(string service, string method, string detail)
    {
        await using var server = await TestServer.StartAsync();
        var invoker = server.Channel().CreateCallInvoker();
        var error = await Expect.StatusAsync(
            StatusCode.Unimplemented,
            async () => await invoker.AsyncUnaryCall(TextMethod(service, method), null, new CallOptions(cancellationToken: Stop), "x"));
        Assert.Contains(detail, error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = 20_000)]
    public async Task Unmapped_RequestedWithoutGrpc_IsNotFound()
    {
        await using var server = await TestServer.StartAsync();
        using var http = new HttpClient { DefaultRequestVersion = new Version(2, 0), DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await http.GetAsync(new Uri(server.Address, "/some/page"), Stop);
        Assert.Equal(404, (int)response.StatusCode);
    }

    [Theory(Timeout = 20_000)]
    [InlineData(400, StatusCode.Internal)]
    [InlineData(401, StatusCode.Unauthenticated)]
    [InlineData(403, StatusCode.PermissionDenied)]
    [InlineData(404, StatusCode.Unimplemented)]
    [InlineData(429, StatusCode.Unavailable)]
    [InlineData(502, StatusCode.Unavailable)]
    [InlineData(503, StatusCode.Unavailable)]
    [InlineData(504, StatusCode.Unavailable)]
    [InlineData(418, StatusCode.Unknown)]
    [InlineData(200, StatusCode.Unknown)]
    public async Task Response_OfPlainHttp_IsMapped(int httpStatus, StatusCode code)
    {
        await using var server = await TestServer.StartAsync(
            map: app => app.MapPost("/http/{status:int}", (int status) => Results.StatusCode(status)));
        var invoker = server.Channel().CreateCallInvoker();
        await Expect.StatusAsync(
            code,
            async () => await invoker.AsyncUnaryCall(TextMethod("http", $"{httpStatus}"), null, new CallOptions(cancellationToken: Stop), "x"));
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_Absent_IsUnavailable()
    {
        var server = await TestServer.StartAsync();
        var address = server.Address;
        await server.DisposeAsync();
        using var channel = global::Grpc.Net.Client.GrpcChannel.ForAddress(address);
        await Expect.StatusAsync(
            StatusCode.Unavailable, async () => await new Echo.EchoClient(channel).SayAsync(new EchoRequest(), cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Headers_Asked_TravelBothWays()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().SayAsync(
            new EchoRequest(), new Metadata { { "ask-headers", "text" }, { "ask-bin", [9, 0, 200] } }, cancellationToken: Stop);
        var headers = await call.ResponseHeadersAsync;
        Assert.Equal("text", headers.GetValue("reply-text"));
        Assert.Equal([9, 0, 200], headers.GetValueBytes("reply-bin"));
        await call;
    }

    [Fact(Timeout = 20_000)]
    public async Task Status_BeforeTheEnd_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().SayAsync(new EchoRequest { Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        await server.Record.Waiting.Task;
        Assert.Throws<InvalidOperationException>(() => call.GetStatus());
        Assert.Throws<InvalidOperationException>(() => call.GetTrailers());
    }

    internal static Method<string, string> TextMethod(string service, string name) =>
        new(MethodType.Unary, service, name, Marshallers.StringMarshaller, Marshallers.StringMarshaller);
}
