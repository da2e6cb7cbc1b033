using Grpc.Net.Client;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Streams;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.CommandLine.Bench.Store;

/// <summary>A worker's side of a shard: whole blocks, every slab verified where it arrives.</summary>
internal sealed class StoreClient : IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly SlabStreamInvoker? _streams;

    /// <param name="address">gRPC address of the shard.</param>
    /// <param name="usesStreams">Whether Put and Get may go over slab streams.</param>
    /// <param name="usesLocalSockets">Whether those may go over a Unix socket.</param>
    public StoreClient(string address, bool usesStreams, bool usesLocalSockets = true)
    {
        _channel = GrpcChannels.Create(address);
        _streams = usesStreams ? new SlabStreamInvoker(_channel.CreateCallInvoker(), address, usesLocalSockets: usesLocalSockets) : null;
        Client = new V1.KvStore.KvStoreClient(_streams ?? _channel.CreateCallInvoker());
    }

    private V1.KvStore.KvStoreClient Client { get; }

    /// <summary>Puts blocks over one call and returns when the store has acknowledged all of them.</summary>
    public async Task PutAsync(IReadOnlyList<StoreBlock> blocks, CancellationToken cancellationToken)
    {
        await using var writer = new BlockWriter(Client, "bench", BlockFactory.WriterEpoch, cancellationToken: cancellationToken);
        int sent = 0;
        foreach (StoreBlock block in blocks)
        {
            for (int layer = 0; layer < block.Slabs.Length && await writer.EnqueueAsync(block.Id, layer, block.Slabs.Length, block.Slabs[layer].Share()); layer++)
            {
                sent++;
            }
        }

        BlockWriteResult result = await writer.CompleteAsync();
        Require(result.SlabsStored == sent, $"{result.SlabsStored} of {sent} slabs were stored");
    }

    /// <summary>Gets blocks over one call and lets go of them.</summary>
    public async Task GetAsync(IReadOnlyList<BlockId> ids, CancellationToken cancellationToken)
    {
        WantedBlock[] wanted = [.. ids.Select(id => new WantedBlock(id, new SlabExpectation { ModelFingerprint = BlockFactory.ModelFingerprint }))];
        int whole = 0;
        await foreach (SlabArrival arrival in new BlockReader(Client).ReadAsync(wanted, TimeSpan.Zero, cancellationToken: cancellationToken))
        {
            if (!arrival.IsUsable)
            {
                throw new InvalidOperationException($"a slab came as {arrival.Status}, {arrival.Error}");
            }

            arrival.Slab!.Dispose();
            whole += arrival.IsLastLayer ? 1 : 0;
        }

        Require(whole == ids.Count, $"{whole} of {ids.Count} blocks came");
    }

    public async Task DropAsync(IEnumerable<BlockId> ids, CancellationToken cancellationToken)
    {
        var request = new DropRequest { Reason = "bench" };
        request.BlockIds.AddRange(ids.ToByteStrings());
        await Client.DropAsync(request, cancellationToken: cancellationToken);
    }

    public void Dispose()
    {
        _streams?.Dispose();
        _channel.Dispose();
    }

    private static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new InvalidOperationException(otherwise);
        }
    }
}
