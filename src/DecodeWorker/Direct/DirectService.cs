using Grpc.Core;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>The part of kvstore.proto that a decode worker serves, to prefill workers that hand over directly.</summary>
internal sealed class DirectService(DirectHandOvers handOvers, SlabListener listener) : V1.KvStore.KvStoreBase
{
    public override Task<PutReply> Put(IAsyncStreamReader<Protocol.SlabFrame> requestStream, ServerCallContext context) =>
        handOvers.PutAsync(requestStream, context.CancellationToken);

    public override Task<EndpointsReply> Endpoints(EndpointsRequest request, ServerCallContext context) =>
        Task.FromResult(listener.Advertised);
}
