using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class CancellationTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task Token_Cancelled_CancelsTheHandler()
    {
        await using var server = await TestServer.StartAsync();
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var call = server.Client().SayAsync(new EchoRequest { Behaviour = Behaviour.Wait }, cancellationToken: source.Token);
        await server.Record.Waiting.Task.WaitAsync(Stop);
        await source.CancelAsync();
        await Expect.StatusAsync(StatusCode.Cancelled, () => call.ResponseAsync);
        await server.Record.Cancelled.Task.WaitAsync(Stop);
    }

    [Fact(Timeout = 20_000)]
    public async Task Call_Disposed_CancelsTheHandler()
    {
        await using var server = await TestServer.StartAsync();
        var call = server.Client().Repeat(new EchoRequest { Count = 1, Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
        call.Dispose();
        await server.Record.Cancelled.Task.WaitAsync(Stop);
        Assert.Equal(StatusCode.Cancelled, call.GetStatus().StatusCode);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => call.ResponseStream.MoveNext(Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task Channel_Disposed_CancelsItsCalls()
    {
        await using var server = await TestServer.StartAsync();
        var channel = server.Channel();
        using var call = new Echo.EchoClient(channel).Gather(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(new EchoRequest { Behaviour = Behaviour.Wait }, Stop);
        await server.Record.Waiting.Task.WaitAsync(Stop);
        channel.Dispose();
        await Expect.StatusAsync(StatusCode.Cancelled, () => call.ResponseAsync);
        await server.Record.Cancelled.Task.WaitAsync(Stop);
        Assert.Throws<ObjectDisposedException>(() => new Echo.EchoClient(channel).SayAsync(new EchoRequest(), cancellationToken: Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task MoveNext_TokenCancelled_EndsTheCall()
    {
        await using var server = await TestServer.StartAsync();
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        using var call = server.Client().Repeat(new EchoRequest { Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        var reading = call.ResponseStream.MoveNext(source.Token);
        await server.Record.Waiting.Task.WaitAsync(Stop);
        await source.CancelAsync();
        await Expect.StatusAsync(StatusCode.Cancelled, () => reading);
        await server.Record.Cancelled.Task.WaitAsync(Stop);
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_ResetsTheStream_IsMapped()
    {
        await using var server = await TestServer.StartAsync(map: app => app.MapPost("/reset/{code:int}", (int code, HttpContext context) =>
            context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResetFeature>()!.Reset(code)));
        var invoker = server.Channel().CreateCallInvoker();
        foreach (var (code, status) in new[] { (7, StatusCode.Unavailable), (8, StatusCode.Cancelled), (11, StatusCode.ResourceExhausted), (2, StatusCode.Internal) })
        {
            await Expect.StatusAsync(
                status,
                async () => await invoker.AsyncUnaryCall(
                    StatusTests.TextMethod("reset", $"{code}"), null, new CallOptions(cancellationToken: Stop), "x"));
        }
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_ResetsAnOpenRequestStream_IsMapped()
    {
        await using var server = await TestServer.StartAsync(map: app => app.MapPost("/reset/stream", (HttpContext context) =>
            context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResetFeature>()!.Reset(11)));
        var invoker = server.Channel().CreateCallInvoker();
        var method = new Method<string, string>(
            MethodType.ClientStreaming, "reset", "stream", Marshallers.StringMarshaller, Marshallers.StringMarshaller);
        for (var i = 0; i < 20; i++)
        {
            using var call = invoker.AsyncClientStreamingCall(method, null, new CallOptions(cancellationToken: Stop));
            await Expect.StatusAsync(StatusCode.ResourceExhausted, () => call.ResponseAsync);
            await Expect.StatusAsync(StatusCode.ResourceExhausted, () => call.RequestStream.WriteAsync("x", Stop));
        }
    }

    [Fact(Timeout = 20_000)]
    public async Task Server_ResetsALargeUpload_IsMapped()
    {
        await using var server = await TestServer.StartAsync(map: app => app.MapPost("/reset/large", (HttpContext context) =>
            context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpResetFeature>()!.Reset(11)));
        var invoker = server.Channel().CreateCallInvoker();
        var large = new string('x', 8_000_000);
        for (var i = 0; i < 5; i++)
        {
            await Expect.StatusAsync(
                StatusCode.ResourceExhausted,
                async () => await invoker.AsyncUnaryCall(
                    StatusTests.TextMethod("reset", "large"), null, new CallOptions(cancellationToken: Stop), large));
        }
    }

    [Fact(Timeout = 20_000)]
    public async Task Complete_ThenDispose_LetsTheServerSeeTheWholeStream()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        for (var i = 0; i < 20; i++)
        {
            using var call = client.Gather(cancellationToken: Stop);
            await call.RequestStream.WriteAsync(new EchoRequest { Text = "x" }, Stop);
            await call.RequestStream.CompleteAsync();
            Assert.Equal(1, (await call).Index);
        }

        Assert.False(server.Record.Cancelled.Task.IsCompleted);
    }

    [Fact(Timeout = 20_000)]
    public async Task Call_DisposedWhileItsRequestIsRead_IsLoggedAsCancelledAndNotAsAnError()
    {
        using var log = new EndOfCall();
        await using var server = await TestServer.StartAsync(
            services: services => services.AddSingleton<ILoggerProvider>(log),
            map: app => app.Use((context, next) =>
            {
                // The request's reader may hear of its end long before the token does: here the token never does.
                context.RequestAborted = CancellationToken.None;
                return next(context);
            }));
        var call = server.Client().Gather(cancellationToken: Stop);
        await call.RequestStream.WriteAsync(new EchoRequest { Text = "x", Behaviour = Behaviour.WaitDeaf }, Stop);
        await server.Record.Waiting.Task.WaitAsync(Stop);
        call.Dispose();
        server.Record.Release.SetResult();

        Assert.Equal((LogLevel.Information, "/kvcluster.test.Echo/Gather was cancelled."), await log.Written.WaitAsync(Stop));
    }

    /// <summary>What the server logs first of a call.</summary>
    private sealed class EndOfCall : ILoggerProvider, ILogger
    {
        private readonly TaskCompletionSource<(LogLevel, string)> _written = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<(LogLevel Level, string Text)> Written => _written.Task;

        public ILogger CreateLogger(string categoryName) => categoryName.StartsWith("Grpc.", StringComparison.Ordinal) ? this : NullLogger.Instance;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            _written.TrySetResult((logLevel, formatter(state, exception)));

        public void Dispose()
        {
        }
    }
}
