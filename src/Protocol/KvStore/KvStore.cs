using Google.Protobuf;
using Google.Protobuf.Reflection;
using Grpc.Core;
using KvCluster.Protocol;

namespace KvCluster.V1;

/// <summary>
/// The service of kvstore.proto, as the C# gRPC plugin would generate it, except that <c>Put</c> and <c>Get</c> carry
/// <see cref="Protocol.SlabFrame"/> with a slab in a rented buffer.
/// </summary>
public static partial class KvStore
{
    private const string ServiceName = "kvcluster.v1.KvStore";

    private static readonly Method<Protocol.SlabFrame, PutReply> PutMethod = new(
        MethodType.ClientStreaming, ServiceName, "Put", SlabFrameMarshaller.Instance, MarshallerOf(PutReply.Parser));

    private static readonly Method<GetRequest, Protocol.SlabFrame> GetMethod = new(
        MethodType.ServerStreaming, ServiceName, "Get", MarshallerOf(GetRequest.Parser), SlabFrameMarshaller.Instance);

    private static readonly Method<LookupRequest, LookupReply> LookupMethod = Unary("Lookup", LookupRequest.Parser, LookupReply.Parser);

    private static readonly Method<RenewLeaseRequest, RenewLeaseReply> RenewLeaseMethod =
        Unary("RenewLease", RenewLeaseRequest.Parser, RenewLeaseReply.Parser);

    private static readonly Method<ReleaseLeaseRequest, ReleaseLeaseReply> ReleaseLeaseMethod =
        Unary("ReleaseLease", ReleaseLeaseRequest.Parser, ReleaseLeaseReply.Parser);

    private static readonly Method<PinRequest, PinReply> PinMethod = Unary("Pin", PinRequest.Parser, PinReply.Parser);

    private static readonly Method<UnpinRequest, UnpinReply> UnpinMethod = Unary("Unpin", UnpinRequest.Parser, UnpinReply.Parser);

    private static readonly Method<DropRequest, DropReply> DropMethod = Unary("Drop", DropRequest.Parser, DropReply.Parser);

    private static readonly Method<StatRequest, StatReply> StatMethod = Unary("Stat", StatRequest.Parser, StatReply.Parser);

    private static readonly Method<EndpointsRequest, EndpointsReply> EndpointsMethod =
        Unary("Endpoints", EndpointsRequest.Parser, EndpointsReply.Parser);

    private static readonly Method<DrainRequest, DrainReply> DrainMethod = new(
        MethodType.ServerStreaming, ServiceName, "Drain", MarshallerOf(DrainRequest.Parser), MarshallerOf(DrainReply.Parser));

    /// <summary>What reflection says of the service.</summary>
    public static ServiceDescriptor Descriptor => KvstoreReflection.Descriptor.Services[0];

    public static ServerServiceDefinition BindService(KvStoreBase serviceImpl) => ServerServiceDefinition.CreateBuilder()
        .AddMethod(PutMethod, serviceImpl.Put)
        .AddMethod(GetMethod, serviceImpl.Get)
        .AddMethod(LookupMethod, serviceImpl.Lookup)
        .AddMethod(RenewLeaseMethod, serviceImpl.RenewLease)
        .AddMethod(ReleaseLeaseMethod, serviceImpl.ReleaseLease)
        .AddMethod(PinMethod, serviceImpl.Pin)
        .AddMethod(UnpinMethod, serviceImpl.Unpin)
        .AddMethod(DropMethod, serviceImpl.Drop)
        .AddMethod(StatMethod, serviceImpl.Stat)
        .AddMethod(DrainMethod, serviceImpl.Drain)
        .AddMethod(EndpointsMethod, serviceImpl.Endpoints)
        .Build();

    /// <summary>Called by the server with a null <paramref name="serviceImpl"/> to learn the methods.</summary>
    public static void BindService(ServiceBinderBase serviceBinder, KvStoreBase? serviceImpl)
    {
        serviceBinder.AddMethod(PutMethod, serviceImpl is null ? null : new ClientStreamingServerMethod<Protocol.SlabFrame, PutReply>(serviceImpl.Put));
        serviceBinder.AddMethod(GetMethod, serviceImpl is null ? null : new ServerStreamingServerMethod<GetRequest, Protocol.SlabFrame>(serviceImpl.Get));
        serviceBinder.AddMethod(LookupMethod, serviceImpl is null ? null : new UnaryServerMethod<LookupRequest, LookupReply>(serviceImpl.Lookup));
        serviceBinder.AddMethod(RenewLeaseMethod, serviceImpl is null ? null : new UnaryServerMethod<RenewLeaseRequest, RenewLeaseReply>(serviceImpl.RenewLease));
        serviceBinder.AddMethod(ReleaseLeaseMethod, serviceImpl is null ? null : new UnaryServerMethod<ReleaseLeaseRequest, ReleaseLeaseReply>(serviceImpl.ReleaseLease));
        serviceBinder.AddMethod(PinMethod, serviceImpl is null ? null : new UnaryServerMethod<PinRequest, PinReply>(serviceImpl.Pin));
        serviceBinder.AddMethod(UnpinMethod, serviceImpl is null ? null : new UnaryServerMethod<UnpinRequest, UnpinReply>(serviceImpl.Unpin));
        serviceBinder.AddMethod(DropMethod, serviceImpl is null ? null : new UnaryServerMethod<DropRequest, DropReply>(serviceImpl.Drop));
        serviceBinder.AddMethod(StatMethod, serviceImpl is null ? null : new UnaryServerMethod<StatRequest, StatReply>(serviceImpl.Stat));
        serviceBinder.AddMethod(DrainMethod, serviceImpl is null ? null : new ServerStreamingServerMethod<DrainRequest, DrainReply>(serviceImpl.Drain));
        serviceBinder.AddMethod(EndpointsMethod, serviceImpl is null ? null : new UnaryServerMethod<EndpointsRequest, EndpointsReply>(serviceImpl.Endpoints));
    }

    private static Method<TRequest, TReply> Unary<TRequest, TReply>(
        string name, MessageParser<TRequest> requestParser, MessageParser<TReply> replyParser)
        where TRequest : class, IMessage<TRequest>, IBufferMessage
        where TReply : class, IMessage<TReply>, IBufferMessage =>
        new(MethodType.Unary, ServiceName, name, MarshallerOf(requestParser), MarshallerOf(replyParser));

    private static Marshaller<T> MarshallerOf<T>(MessageParser<T> parser)
        where T : class, IMessage<T>, IBufferMessage => new(
            (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence()));
}
