using System.Buffers;
using Grpc.Core;
using KvCluster.Standins.Grpc.Tests.Serving;
using Microsoft.AspNetCore.Builder;

namespace KvCluster.Standins.Grpc.Tests.Calls;

/// <summary>Messages with marshallers written by hand, as KV frames have.</summary>
public sealed class MarshallerTests
{
    private static readonly Marshaller<Frame> Announced = new(
        (frame, context) =>
        {
            context.SetPayloadLength(frame.Bytes.Length);
            context.GetBufferWriter().Write(frame.Bytes);
            context.Complete();
        },
        Read);

    private static readonly Marshaller<Frame> Unannounced = new(
        (frame, context) =>
        {
            context.GetBufferWriter().Write(frame.Bytes);
            context.Complete();
        },
        Read);

    private static readonly Marshaller<Frame> Arrays = new(frame => frame.Bytes, bytes => new Frame(bytes));

    private static readonly Marshaller<Frame> Failing = new(
        (frame, context) =>
        {
            context.SetPayloadLength(frame.Bytes.Length);
            context.GetBufferWriter().Write(frame.Bytes.AsSpan(0, frame.Bytes.Length / 2));
            throw new InvalidDataException("half a frame");
        },
        Read);

    private static readonly Marshaller<Frame> Lying = new(
        (frame, context) =>
        {
            context.SetPayloadLength(frame.Bytes.Length + 1);
            context.GetBufferWriter().Write(frame.Bytes);
            context.Complete();
        },
        Read);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string, int> Cases()
    {
        var cases = new TheoryData<string, int>();
        foreach (var marshaller in new[] { nameof(Announced), nameof(Unannounced), nameof(Arrays) })
        {
            foreach (var size in new[] { 0, 1, 5, 4091, 4096, 65_531, 524_288 })
            {
                cases.Add(marshaller, size);
            }
        }

        return cases;
    }

    [Theory(Timeout = 30_000)]
    [MemberData(nameof(Cases))]
    public async Task Frames_OfEachSize_ArriveAsSent(string name, int size)
    {
        var marshaller = name switch { nameof(Announced) => Announced, nameof(Unannounced) => Unannounced, _ => Arrays };
        await using var server = await StartAsync(marshaller, marshaller);
        using var call = server.Channel().CreateCallInvoker().AsyncDuplexStreamingCall(
            Method(marshaller, marshaller), null, new CallOptions(cancellationToken: Stop));
        for (var i = 0; i < 8; i++)
        {
            var sent = new byte[size];
            new Random(i).NextBytes(sent);
            await call.RequestStream.WriteAsync(new Frame(sent), Stop);
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal(sent, call.ResponseStream.Current.Bytes);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
    }

    [Theory(Timeout = 20_000)]
    [InlineData(nameof(Failing))]
    [InlineData(nameof(Lying))]
    public async Task Server_SerializerFailsHalfWay_NeverLooksWhole(string name)
    {
        await using var server = await StartAsync(Arrays, name == nameof(Failing) ? Failing : Lying);
        using var call = server.Channel().CreateCallInvoker().AsyncDuplexStreamingCall(
            Method(Arrays, Arrays), null, new CallOptions(cancellationToken: Stop));
        await Expect.StatusAsync(
            StatusCode.Internal,
            async () =>
            {
                await call.RequestStream.WriteAsync(new Frame(new byte[100]), Stop);
                await call.ResponseStream.MoveNext(Stop);
            });
    }

    [Fact(Timeout = 20_000)]
    public async Task Client_SerializerFails_LeavesTheStreamWhole()
    {
        await using var server = await StartAsync(Arrays, Arrays);
        using var call = server.Channel().CreateCallInvoker().AsyncDuplexStreamingCall(
            Method(Failing, Arrays), null, new CallOptions(cancellationToken: Stop));
        await Assert.ThrowsAsync<InvalidDataException>(() => call.RequestStream.WriteAsync(new Frame(new byte[100]), Stop));
        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext(Stop));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact(Timeout = 20_000)]
    public async Task BufferedMessages_AreSentWithTheNext()
    {
        await using var server = await StartAsync(Announced, Announced);
        using var call = server.Channel().CreateCallInvoker().AsyncDuplexStreamingCall(
            Method(Announced, Announced), null, new CallOptions(cancellationToken: Stop));
        call.RequestStream.WriteOptions = new WriteOptions(WriteFlags.BufferHint);
        await call.RequestStream.WriteAsync(new Frame([1]), Stop);
        await call.RequestStream.WriteAsync(new Frame([2]), Stop);
        call.RequestStream.WriteOptions = null;
        await call.RequestStream.WriteAsync(new Frame([3]), Stop);
        for (byte i = 1; i <= 3; i++)
        {
            Assert.True(await call.ResponseStream.MoveNext(Stop));
            Assert.Equal([i], call.ResponseStream.Current.Bytes);
        }
    }

    [Fact]
    public void Marshaller_OfContexts_ServesArraysToo()
    {
        var bytes = Announced.Serializer(new Frame([1, 2, 3]));
        Assert.Equal([1, 2, 3], bytes);
        Assert.Equal([1, 2, 3], Announced.Deserializer(bytes).Bytes);
    }

    private static Frame Read(DeserializationContext context)
    {
        var payload = context.PayloadAsReadOnlySequence();
        Assert.Equal(context.PayloadLength, payload.Length);
        return new Frame(payload.ToArray());
    }

    private static Method<Frame, Frame> Method(Marshaller<Frame> requests, Marshaller<Frame> responses) =>
        new(MethodType.DuplexStreaming, "kvcluster.test.Frames", "Exchange", requests, responses);

    private static Task<TestServer> StartAsync(Marshaller<Frame> requests, Marshaller<Frame> responses) =>
        TestServer.StartAsync(map: app => app.MapGrpcService(ServerServiceDefinition.CreateBuilder()
            .AddMethod(
                Method(requests, responses),
                async (requestStream, responseStream, context) =>
                {
                    await foreach (var frame in requestStream.ReadAllAsync(context.CancellationToken))
                    {
                        await responseStream.WriteAsync(frame, context.CancellationToken);
                    }
                })
            .Build()));

    internal sealed record Frame(byte[] Bytes);
}
