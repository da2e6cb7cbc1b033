using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class SizeLimitTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory(Timeout = 20_000)]
    [InlineData(4 * 1024 * 1024 - 1024, true)]
    [InlineData(4 * 1024 * 1024 + 1, false)]
    public async Task ServerReceives_AroundFourMebibytes_IsTakenUpToThem(int size, bool isTaken)
    {
        await using var server = await TestServer.StartAsync();
        var call = () => Payload(server.Client(new GrpcChannelOptions { MaxReceiveMessageSize = null }), size);
        if (isTaken)
        {
            Assert.Equal(size, (await call()).Payload.Length);
        }
        else
        {
            await Expect.StatusAsync(StatusCode.ResourceExhausted, call);
        }
    }

    [Fact(Timeout = 20_000)]
    public async Task ServerReceives_WithoutLimit_TakesLarge()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = null);
        var client = server.Client(new GrpcChannelOptions { MaxReceiveMessageSize = null });
        Assert.Equal(20_000_000, (await Payload(client, 20_000_000)).Payload.Length);
    }

    [Fact(Timeout = 20_000)]
    public async Task ServerSends_OverItsLimit_IsRefused()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxSendMessageSize = 1000);
        await Expect.StatusAsync(StatusCode.ResourceExhausted, () => Payload(server.Client(), 1001));
    }

    [Fact(Timeout = 20_000)]
    public async Task ClientReceives_OverItsLimit_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        await Expect.StatusAsync(
            StatusCode.ResourceExhausted, () => Payload(server.Client(new GrpcChannelOptions { MaxReceiveMessageSize = 1000 }), 1001));
    }

    [Fact(Timeout = 20_000)]
    public async Task ClientSends_OverItsLimit_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        await Expect.StatusAsync(
            StatusCode.ResourceExhausted, () => Payload(server.Client(new GrpcChannelOptions { MaxSendMessageSize = 1000 }), 1001));
    }

    [Fact(Timeout = 20_000)]
    public async Task ServiceOptions_WinOverServerOptions()
    {
        await using var server = await TestServer.StartAsync(
            options => options.MaxReceiveMessageSize = 10,
            services => Microsoft.Extensions.DependencyInjection.OptionsServiceCollectionExtensions
                .Configure<global::Grpc.AspNetCore.Server.GrpcServiceOptions<EchoService>>(services, options => options.MaxReceiveMessageSize = 5000));
        Assert.Equal(1000, (await Payload(server.Client(), 1000)).Payload.Length);
        await Expect.StatusAsync(StatusCode.ResourceExhausted, () => Payload(server.Client(), 6000));
    }

    [Fact(Timeout = 20_000)]
    public async Task Bomb_Decompressed_IsRefusedAtTheLimit()
    {
        await using var server = await TestServer.StartAsync(options => options.MaxReceiveMessageSize = 100_000);
        var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };
        await Expect.StatusAsync(
            StatusCode.ResourceExhausted,
            async () => await server.Client().SayAsync(new EchoRequest { Payload = ByteString.CopyFrom(new byte[10_000_000]) }, headers, cancellationToken: Stop));
    }

    private static async Task<EchoReply> Payload(Echo.EchoClient client, int size) =>
        await client.SayAsync(new EchoRequest { Payload = ByteString.CopyFrom(new byte[size]) }, cancellationToken: Stop);
}
