using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Hosting;
using KvCluster.KvStore.Puts;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.Protocol.Transfer;
using KvCluster.ServiceDefaults.Streams;
using KvCluster.V1;
using Microsoft.Extensions.Options;

namespace KvCluster.KvStore.Grpc;

/// <summary>Put and Get over a tier, whatever carries the frames.</summary>
internal sealed class KvStoreCalls(IBlockTier tier, EpochFence fence, IOptions<KvStoreOptions> options, TimeProvider time, ILogger<KvStoreCalls> logger) : ISlabCalls
{
    private const int MaxBlockIdCount = 65_536;

    public async Task<PutReply> PutAsync(IAsyncStreamReader<Protocol.SlabFrame> frames, CancellationToken cancellationToken) =>
        await fence.WaitAsync(cancellationToken)
            ? await new PutCall(tier, options.Value.PutTimeout, time, logger).RunAsync(frames, cancellationToken)
            : throw new RpcException(StoreStatus.NotRegistered);

    public Task GetAsync(GetRequest request, IServerStreamWriter<Protocol.SlabFrame> output, CancellationToken cancellationToken)
    {
        BlockId[] ids = ParseIds(request.BlockIds);
        if (ids.Distinct().Count() != ids.Length)
        {
            throw new RpcException(CallStatus.InvalidField("block_ids", "names a block twice"));
        }

        if (request.WaitMs < 0)
        {
            throw new RpcException(CallStatus.InvalidField("wait_ms", $"must not be negative: {request.WaitMs}"));
        }

        BlockId owner = request.Owner.IsEmpty ? default : BlockIds.Parse(request.Owner, "owner");
        return new GetCall(tier, owner, TimeSpan.FromMilliseconds(request.WaitMs), request.RequestId, time, logger).RunAsync(ids, output, cancellationToken);
    }

    public static BlockId[] ParseIds(Google.Protobuf.Collections.RepeatedField<Google.Protobuf.ByteString> ids) =>
        ids.Count <= MaxBlockIdCount
            ? BlockIds.Parse(ids, "block_ids")
            : throw new RpcException(CallStatus.InvalidField("block_ids", $"has {ids.Count} ids, more than {MaxBlockIdCount}"));
}
