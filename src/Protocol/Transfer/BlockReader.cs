using System.Runtime.CompilerServices;
using Google.Protobuf;
using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.V1;

namespace KvCluster.Protocol.Transfer;

/// <summary>Gets blocks from one shard. Every slab is verified before it is handed out.</summary>
public sealed class BlockReader(V1.KvStore.KvStoreClient client)
{
    /// <summary>
    /// The slabs of <paramref name="blocks"/> as they come: of one block in layer order, of different blocks in any. Layers
    /// that were not yielded when it ends are not to be had: the block is missing, was aborted, or was refused.
    /// </summary>
    /// <param name="blocks">All different.</param>
    /// <param name="wait">How long to wait for the next slab that the store does not hold yet.</param>
    /// <param name="requestId">Whose request, for logs.</param>
    /// <param name="owner">Whose blocks they are (<see cref="BlockIdChain.OwnerOf"/>); all zero: nobody's.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="RpcException">The store is lost, or broke the protocol.</exception>
    public async IAsyncEnumerable<SlabArrival> ReadAsync(
        IReadOnlyList<WantedBlock> blocks,
        TimeSpan wait,
        string requestId = "",
        BlockId owner = default,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (blocks.Count == 0)
        {
            yield break;
        }

        var request = new GetRequest
        {
            WaitMs = (int)Math.Min(wait.TotalMilliseconds, int.MaxValue),
            RequestId = requestId,
            Owner = owner == default ? ByteString.Empty : owner.ToByteString(),
        };
        request.BlockIds.AddRange(blocks.Select(block => block.Id.ToByteString()));
        using AsyncServerStreamingCall<SlabFrame> call = client.Get(request, cancellationToken: cancellationToken);
        var indexes = new Dictionary<BlockId, int>(blocks.Count);
        for (int i = 0; i < blocks.Count; i++)
        {
            indexes.Add(blocks[i].Id, i);
        }

        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            using SlabFrame frame = call.ResponseStream.Current;
            if (!indexes.TryGetValue(frame.BlockId, out int blockIndex))
            {
                throw new RpcException(new Status(StatusCode.Internal, $"the store sent block {frame.BlockId}, which was not asked for"));
            }

            yield return Receive(frame, blockIndex, blocks[blockIndex].Expected);
        }
    }

    /// <summary>Tells the store to forget blocks whose slabs were refused, so that no other reader gets them.</summary>
    public async Task DropAsync(IEnumerable<BlockId> blockIds, SlabError reason, CancellationToken cancellationToken = default)
    {
        var request = new DropRequest { Reason = reason.MetricName() };
        request.BlockIds.AddRange(blockIds.ToByteStrings());
        await client.DropAsync(request, cancellationToken: cancellationToken);
    }

    private static SlabArrival Receive(SlabFrame frame, int blockIndex, in SlabExpectation expected)
    {
        if (frame.Status != SlabStatus.Ok)
        {
            return new SlabArrival(blockIndex, frame.Layer, frame.LayerCount, null, default, frame.Status, SlabError.None);
        }

        SlabExpectation exact = expected with { BlockId = frame.BlockId, Layer = frame.Layer };
        SlabError error = Slab.Verify(frame.SlabBytes, exact, out SlabHeader header);
        SlabLease? slab = error == SlabError.None ? frame.TakeSlab() : null;
        return new SlabArrival(blockIndex, frame.Layer, frame.LayerCount, slab, header, SlabStatus.Ok, error);
    }
}
