using System.Collections.Concurrent;
using Grpc.Core;
using Grpc.Core.Interceptors;
using KvCluster.Standins.Grpc.Tests.Protos;
using Microsoft.Extensions.DependencyInjection;

namespace KvCluster.Standins.Grpc.Tests.Serving;

public sealed class InterceptorTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Server_TwoInterceptors_NestInOrder()
    {
        var trace = new ConcurrentQueue<string>();
        await using var server = await TestServer.StartAsync(
            options =>
            {
                options.Interceptors.Add<TracingInterceptor>("outer");
                options.Interceptors.Add<TracingInterceptor>("inner");
            },
            services => services.AddSingleton(trace));
        await server.Client().SayAsync(new EchoRequest(), cancellationToken: Stop);
        Assert.Equal(
            ["outer enters /kvcluster.test.Echo/Say", "inner enters /kvcluster.test.Echo/Say", "inner leaves", "outer leaves"], trace);
        trace.Clear();
        using var call = server.Client().Converse(cancellationToken: Stop);
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(4, trace.Count);
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_Interceptors_NestInOrderAndChangeHeaders()
    {
        var trace = new ConcurrentQueue<string>();
        await using var server = await TestServer.StartAsync();
        var invoker = server.Channel()
            .Intercept(headers =>
            {
                headers.Add("ask-headers", "added");
                return headers;
            })
            .Intercept(new TracingInterceptor(trace, "outer"), new TracingInterceptor(trace, "inner"));
        using var call = new Echo.EchoClient(invoker).SayAsync(new EchoRequest(), cancellationToken: Stop);
        Assert.Equal("added", (await call.ResponseHeadersAsync).GetValue("reply-text"));
        Assert.Equal(["outer calls Say", "inner calls Say"], trace);
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_CallCredentials_TravelWhenAllowed()
    {
        await using var server = await TestServer.StartAsync();
        var credentials = CallCredentials.FromInterceptor((_, headers) =>
        {
            headers.Add("ask-headers", "token");
            return Task.CompletedTask;
        });
        var client = server.Client(new global::Grpc.Net.Client.GrpcChannelOptions
        {
            Credentials = ChannelCredentials.Create(ChannelCredentials.Insecure, credentials),
            UnsafeUseInsecureChannelCallCredentials = true,
        });
        using var call = client.SayAsync(new EchoRequest(), cancellationToken: Stop);
        Assert.Equal("token", (await call.ResponseHeadersAsync).GetValue("reply-text"));
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_WithHost_NamesIt()
    {
        await using var server = await TestServer.StartAsync();
        var reply = await server.Client().WithHost("kv.example").SayAsync(new EchoRequest { Text = "x" }, cancellationToken: Stop);
        Assert.Equal("x", reply.Text);
    }
}
