using Grpc.Core;

namespace KvCluster.V1;

public static partial class KvStore
{
    /// <summary>Client of one shard. A frame that <see cref="Get(GetRequest, CallOptions)"/> brings is the caller's to dispose.</summary>
    public class KvStoreClient : ClientBase<KvStoreClient>
    {
        public KvStoreClient(ChannelBase channel)
            : base(channel)
        {
        }

        public KvStoreClient(CallInvoker callInvoker)
            : base(callInvoker)
        {
        }

        protected KvStoreClient(ClientBaseConfiguration configuration)
            : base(configuration)
        {
        }

        public virtual AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> Put(CallOptions options) =>
            CallInvoker.AsyncClientStreamingCall(PutMethod, null, options);

        public virtual AsyncClientStreamingCall<Protocol.SlabFrame, PutReply> Put(
            Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            Put(new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncServerStreamingCall<Protocol.SlabFrame> Get(GetRequest request, CallOptions options) =>
            CallInvoker.AsyncServerStreamingCall(GetMethod, null, options, request);

        public virtual AsyncServerStreamingCall<Protocol.SlabFrame> Get(
            GetRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            Get(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<LookupReply> LookupAsync(LookupRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(LookupMethod, null, options, request);

        public virtual AsyncUnaryCall<LookupReply> LookupAsync(
            LookupRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            LookupAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<RenewLeaseReply> RenewLeaseAsync(RenewLeaseRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(RenewLeaseMethod, null, options, request);

        public virtual AsyncUnaryCall<RenewLeaseReply> RenewLeaseAsync(
            RenewLeaseRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            RenewLeaseAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<ReleaseLeaseReply> ReleaseLeaseAsync(ReleaseLeaseRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(ReleaseLeaseMethod, null, options, request);

        public virtual AsyncUnaryCall<ReleaseLeaseReply> ReleaseLeaseAsync(
            ReleaseLeaseRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            ReleaseLeaseAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<PinReply> PinAsync(PinRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(PinMethod, null, options, request);

        public virtual AsyncUnaryCall<PinReply> PinAsync(
            PinRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            PinAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<UnpinReply> UnpinAsync(UnpinRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(UnpinMethod, null, options, request);

        public virtual AsyncUnaryCall<UnpinReply> UnpinAsync(
            UnpinRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            UnpinAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<DropReply> DropAsync(DropRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(DropMethod, null, options, request);

        public virtual AsyncUnaryCall<DropReply> DropAsync(
            DropRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            DropAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<StatReply> StatAsync(StatRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(StatMethod, null, options, request);

        public virtual AsyncUnaryCall<StatReply> StatAsync(
            StatRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            StatAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncUnaryCall<EndpointsReply> EndpointsAsync(EndpointsRequest request, CallOptions options) =>
            CallInvoker.AsyncUnaryCall(EndpointsMethod, null, options, request);

        public virtual AsyncUnaryCall<EndpointsReply> EndpointsAsync(
            EndpointsRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            EndpointsAsync(request, new CallOptions(headers, deadline, cancellationToken));

        public virtual AsyncServerStreamingCall<DrainReply> Drain(DrainRequest request, CallOptions options) =>
            CallInvoker.AsyncServerStreamingCall(DrainMethod, null, options, request);

        public virtual AsyncServerStreamingCall<DrainReply> Drain(
            DrainRequest request, Metadata? headers = null, DateTime? deadline = null, CancellationToken cancellationToken = default) =>
            Drain(request, new CallOptions(headers, deadline, cancellationToken));

        protected override KvStoreClient NewInstance(ClientBaseConfiguration configuration) => new(configuration);
    }
}
