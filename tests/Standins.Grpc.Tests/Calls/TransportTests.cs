using System.Net.Sockets;
using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class TransportTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact(Timeout = 20_000)]
    public async Task UnixSocket_Calls_Arrive()
    {
        var path = Path.Combine(Path.GetTempPath(), $"kv-{Guid.NewGuid():N}.sock");
        await using var server = await TestServer.StartAsync(
            kestrel: options => options.ListenUnixSocket(path, listen => listen.Protocols = HttpProtocols.Http2));
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, stop) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { HttpHandler = handler });
        var client = new Echo.EchoClient(channel);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal("x", (await client.SayAsync(new EchoRequest { Text = "x" }, cancellationToken: Stop)).Text);
        }
    }

    [Fact(Timeout = 20_000)]
    public async Task Calls_OneAfterTheOther_ShareAConnection()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        for (var i = 0; i < 10; i++)
        {
            await client.SayAsync(new EchoRequest(), cancellationToken: Stop);
        }

        Assert.Single(server.Record.Peers.Distinct());
        Assert.StartsWith("ipv4:127.0.0.1:", server.Record.Peers.First(), StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task Calls_FiveHundredAtOnce_AllSucceed()
    {
        await using var server = await TestServer.StartAsync();
        var client = server.Client();
        var replies = await Task.WhenAll(Enumerable.Range(0, 500).Select(
            async i => (await client.SayAsync(new EchoRequest { Text = $"{i}" }, cancellationToken: Stop)).Text));
        Assert.Equal(Enumerable.Range(0, 500).Select(i => $"{i}"), replies);
    }

    [Fact(Timeout = 20_000)]
    public async Task KeepAlivePings_OfAnIdleCall_KeepItAlive()
    {
        await using var server = await TestServer.StartAsync();
        using var handler = new SocketsHttpHandler
        {
            KeepAlivePingDelay = TimeSpan.FromSeconds(1),
            KeepAlivePingTimeout = TimeSpan.FromSeconds(1),
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.Always,
            EnableMultipleHttp2Connections = true,
        };
        var client = server.Client(new GrpcChannelOptions { HttpHandler = handler });
        using var call = client.SayAsync(
            new EchoRequest { Behaviour = Behaviour.Wait }, deadline: DateTime.UtcNow.AddSeconds(3), cancellationToken: Stop);
        await Expect.StatusAsync(StatusCode.DeadlineExceeded, () => call.ResponseAsync);
        Assert.Single(server.Record.Peers);
    }

    [Fact(Timeout = 20_000)]
    public async Task HttpClient_AsTransport_Serves()
    {
        await using var server = await TestServer.StartAsync();
        using var http = new HttpClient();
        using var call = server.Client(new GrpcChannelOptions { HttpClient = http }).Repeat(
            new EchoRequest { Count = 1, Behaviour = Behaviour.Wait }, cancellationToken: Stop);
        Assert.True(await call.ResponseStream.MoveNext(Stop));
    }

    [Theory]
    [InlineData("ftp://localhost")]
    [InlineData("localhost:80")]
    public void ForAddress_OfAnotherScheme_IsRefused(string address) =>
        Assert.Throws<InvalidOperationException>(() => GrpcChannel.ForAddress(address));

    [Fact]
    public void ForAddress_TlsCredentialsOnCleartext_IsRefused() => Assert.Throws<InvalidOperationException>(
        () => GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions { Credentials = ChannelCredentials.SecureSsl }));
}
