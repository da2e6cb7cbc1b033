using Grpc.Core;
using KvCluster.V1;

namespace KvCluster.ServiceDefaults.Streams;

/// <summary>Put and Get as a host serves them, whatever carries the frames. What they throw as <see cref="RpcException"/> is how the call ends.</summary>
public interface ISlabCalls
{
    public Task<PutReply> PutAsync(IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken);

    public Task GetAsync(GetRequest request, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken);
}
