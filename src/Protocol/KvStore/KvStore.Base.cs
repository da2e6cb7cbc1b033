using Grpc.Core;

namespace KvCluster.V1;

public static partial class KvStore
{
    /// <summary>Base of the server. A frame that a stream reader hands out is the reader's to dispose.</summary>
    [BindServiceMethod(typeof(KvStore), nameof(BindService))]
    public abstract class KvStoreBase
    {
        public virtual Task<PutReply> Put(IAsyncStreamReader<Protocol.SlabFrame> requestStream, ServerCallContext context) =>
            throw Unimplemented();

        public virtual Task Get(GetRequest request, IServerStreamWriter<Protocol.SlabFrame> responseStream, ServerCallContext context) =>
            throw Unimplemented();

        public virtual Task<LookupReply> Lookup(LookupRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<RenewLeaseReply> RenewLease(RenewLeaseRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<ReleaseLeaseReply> ReleaseLease(ReleaseLeaseRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<PinReply> Pin(PinRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<UnpinReply> Unpin(UnpinRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<DropReply> Drop(DropRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<StatReply> Stat(StatRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task<EndpointsReply> Endpoints(EndpointsRequest request, ServerCallContext context) => throw Unimplemented();

        public virtual Task Drain(DrainRequest request, IServerStreamWriter<DrainReply> responseStream, ServerCallContext context) =>
            throw Unimplemented();

        private static RpcException Unimplemented() => new(new Status(StatusCode.Unimplemented, ""));
    }
}
