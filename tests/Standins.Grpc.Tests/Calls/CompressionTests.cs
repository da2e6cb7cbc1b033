using System.Buffers.Binary;
using System.Net.Http.Headers;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Protos;
using KvCluster.Standins.Grpc.Tests.Serving;

namespace KvCluster.Standins.Grpc.Tests.Calls;

public sealed class CompressionTests
{
    private static readonly EchoRequest Zeros = new() { Payload = ByteString.CopyFrom(new byte[1_000_000]) };

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory(Timeout = 20_000)]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("identity")]
    public async Task Request_Encoded_ArrivesWhole(string encoding)
    {
        await using var server = await TestServer.StartAsync();
        var headers = new Metadata { { "grpc-internal-encoding-request", encoding } };
        Assert.Equal(Zeros.Payload, (await server.Client().SayAsync(Zeros, headers, cancellationToken: Stop)).Payload);
    }

    [Fact(Timeout = 20_000)]
    public async Task Stream_EncodedBothWays_ArrivesWhole()
    {
        await using var server = await TestServer.StartAsync(options => options.ResponseCompressionAlgorithm = "gzip");
        using var call = server.Client().Converse(
            new Metadata { { "grpc-internal-encoding-request", "gzip" } }, cancellationToken: Stop);
        for (var i = 0; i < 5; i++)
        {
            call.RequestStream.WriteOptions = i % 2 == 0 ? null : new WriteOptions(WriteFlags.NoCompress);
            await call.RequestStream.WriteAsync(Zeros, Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal(Zeros.Payload, call.ResponseStream.Current.Payload);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    [Fact(Timeout = 20_000)]
    public async Task EmptyMessages_Encoded_Arrive()
    {
        await using var server = await TestServer.StartAsync(options => options.ResponseCompressionAlgorithm = "gzip");
        var headers = new Metadata { { "grpc-internal-encoding-request", "gzip" } };
        Assert.Equal(new EchoReply(), await server.Client().SayAsync(new EchoRequest(), headers, cancellationToken: Stop));
        Assert.Equal(new EchoReply(), await server.Client().SayAsync(new EchoRequest(), cancellationToken: Stop));
    }

    [Theory(Timeout = 20_000)]
    [InlineData("identity,gzip", Behaviour.Plain, true)]
    [InlineData("identity,gzip", Behaviour.NoCompress, false)]
    [InlineData("identity,deflate", Behaviour.Plain, false)]
    [InlineData("", Behaviour.Plain, false)]
    public async Task Response_OnTheWire_IsCompressedWhenAcceptedAndWanted(string accepted, Behaviour behaviour, bool isCompressed)
    {
        await using var server = await TestServer.StartAsync(options => options.ResponseCompressionAlgorithm = "gzip");
        var request = new EchoRequest(Zeros) { Behaviour = behaviour };
        var frame = await SendRawAsync(server, request, accepted);
        var length = BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(1));
        Assert.Equal(frame.Length - 5, length);
        Assert.Equal(isCompressed ? 1 : 0, frame[0]);
        Assert.Equal(isCompressed, length < 100_000);
    }

    [Fact(Timeout = 20_000)]
    public async Task Request_OfUnknownEncoding_IsUnimplemented()
    {
        await using var server = await TestServer.StartAsync();
        using var call = server.Client().SayAsync(new EchoRequest(), new Metadata { { "grpc-encoding", "snappy" } }, cancellationToken: Stop);
        var error = await Expect.StatusAsync(StatusCode.Unimplemented, () => call.ResponseAsync);
        Assert.Contains("gzip", error.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("snappy", error.Status.Detail, StringComparison.Ordinal);
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_AskedForUnknownEncoding_IsRefused()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Throws<ArgumentException>(() => server.Client().SayAsync(
            new EchoRequest(), new Metadata { { "grpc-internal-encoding-request", "snappy" } }, cancellationToken: Stop));
    }

    /// <summary>One message, sent without our client, and the bytes of the answer.</summary>
    private static async Task<byte[]> SendRawAsync(TestServer server, EchoRequest message, string accepted)
    {
        using var http = new HttpClient();
        var payload = message.ToByteArray();
        var frame = new byte[payload.Length + 5];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), payload.Length);
        payload.CopyTo(frame, 5);
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.Address, "/kvcluster.test.Echo/Say"))
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(frame) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc+proto") } },
        };
        request.Headers.TryAddWithoutValidation("te", "trailers");
        request.Headers.TryAddWithoutValidation("grpc-accept-encoding", accepted);
        using var response = await http.SendAsync(request, Stop);
        var body = await response.Content.ReadAsByteArrayAsync(Stop);
        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        return body;
    }
}
