using Grpc.Net.Client;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Transfer;

namespace KvCluster.KvStore.Tests.Shards;

/// <summary>A worker's side of the shards. Every slab it gets is compared with its source.</summary>
internal sealed class ShardClient : IAsyncDisposable
{
    private readonly ShardConnections _connections;
    private readonly ReadRepair _repair;

    /// <param name="view">Where blocks are.</param>
    /// <param name="options">When to hedge.</param>
    /// <param name="time">Of hedges.</param>
    /// <param name="isOverGrpc">Slab streams find their own way around a faulty link.</param>
    /// <param name="create">Makes channels that may be faulty.</param>
    public ShardClient(
        ShardView view,
        ShardReadOptions? options = null,
        TimeProvider? time = null,
        bool isOverGrpc = false,
        Func<string, GrpcChannel>? create = null)
    {
        _connections = new ShardConnections("worker-0", create ?? (isOverGrpc ? GrpcChannels.Create : null));
        View = view;
        _repair = new ReadRepair(_connections, () => TestSlabs.Epoch, 64 << 20, Counters);
        Reader = new ShardedReader(_connections, options ?? new ShardReadOptions(), time ?? TimeProvider.System, Counters, _repair);
    }

    public ShardView View { get; set; }

    public ShardCounters Counters { get; } = new();

    public ShardedReader Reader { get; }

    /// <summary>Slabs that came and were not as they should be.</summary>
    public int RefusedCount { get; private set; }

    public ShardedWriter Writer(ulong epoch = TestSlabs.Epoch, BlockId owner = default, CancellationToken cancellationToken = default) =>
        new(_connections, () => View, epoch, TimeProvider.System, Counters, cancellationToken) { Owner = owner };

    public V1.KvStore.KvStoreClient At(string address) => _connections.ClientOf(address);

    public async Task<ShardedWriteResult> PutAsync(IEnumerable<BlockId> ids, bool isTransient = false, BlockId owner = default)
    {
        await using ShardedWriter writer = Writer(owner: owner);
        foreach (BlockId id in ids)
        {
            for (int layer = 0; layer < TestSlabs.LayerCount; layer++)
            {
                await writer.EnqueueAsync(id, layer, TestSlabs.LayerCount, TestSlabs.Make(SlabPool.Shared, id, layer), isTransient);
            }
        }

        return await writer.CompleteAsync().Soon();
    }

    /// <returns>The blocks that came whole.</returns>
    public async Task<List<BlockId>> ReadAsync(
        IReadOnlyList<BlockId> ids, TimeSpan wait = default, int heldCount = 0, Action? onSlab = null, CancellationToken cancellationToken = default)
    {
        var layers = new int[ids.Count];
        var read = new ShardRead
        {
            Blocks = [.. ids.Select(id => new WantedBlock(id, TestSlabs.Expected))],
            Wait = wait,
            HeldBlockCount = heldCount,
            OnArrival = arrival =>
            {
                using SlabLease? slab = arrival.Slab;
                RefusedCount += arrival.Error != SlabError.None ? 1 : 0;
                if (slab is not null)
                {
                    BlockId id = ids[arrival.BlockIndex];
                    Assert.Equal(TestSlabs.Bytes(id, arrival.Layer, arrival.Header.WriterEpoch, arrival.Header.PayloadSizeBytes), slab.Span.ToArray());
                    layers[arrival.BlockIndex]++;
                    onSlab?.Invoke();
                }

                return SlabError.None;
            },
        };
        await Reader.ReadAsync(read, View, cancellationToken).Soon();
        Assert.All(layers, count => Assert.InRange(count, 0, TestSlabs.LayerCount));
        return [.. ids.Where((_, i) => layers[i] == TestSlabs.LayerCount)];
    }

    public Task RepairedAsync(int blockCount) =>
        Eventually.TrueAsync(() => Counters.RepairedBlocks >= blockCount && _repair.QueuedBytes == 0);

    public async ValueTask DisposeAsync()
    {
        await _repair.DisposeAsync();
        _connections.Dispose();
        Counters.Dispose();
    }
}
