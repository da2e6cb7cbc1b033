using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>One shard's part of a <see cref="ShardedWriter"/>.</summary>
internal sealed class HomeWriter(string address, BlockWriter writer) : IAsyncDisposable
{
    public string Address => address;

    /// <summary>Why nothing more goes there; null while it does.</summary>
    public Status? Failure { get; private set; }

    /// <summary>Queues a slab and takes it over.</summary>
    /// <param name="blockId">Its Block.</param>
    /// <param name="layer">Its layer.</param>
    /// <param name="layerCount">Layers of the Block.</param>
    /// <param name="slab">The slab.</param>
    /// <param name="isTransient">Whether it is a Tail's.</param>
    /// <param name="patience">How long to wait for room; null: for as long as the shard lives.</param>
    /// <param name="time">Clock of the patience.</param>
    public async Task EnqueueAsync(
        BlockId blockId, int layer, int layerCount, SlabLease slab, bool isTransient, TimeSpan? patience, TimeProvider time)
    {
        bool isTaken = false;
        try
        {
            while (Failure is null && !(isTaken = writer.TryEnqueue(blockId, layer, layerCount, slab, isTransient)))
            {
                await WaitForRoomAsync(patience, time);
            }
        }
        finally
        {
            if (!isTaken)
            {
                slab.Dispose();
            }
        }
    }

    /// <summary>Ends with the shard's acknowledgement, or with <see cref="Failure"/> set.</summary>
    public async Task CompleteAsync()
    {
        try
        {
            await writer.CompleteAsync();
        }
        catch (RpcException error)
        {
            Failure ??= error.Status;
        }
    }

    /// <summary>Aborts the call.</summary>
    public async Task GiveUpAsync(string reason)
    {
        Failure ??= new Status(StatusCode.DeadlineExceeded, reason);
        await writer.DisposeAsync();
    }

    public ValueTask DisposeAsync() => writer.DisposeAsync();

    /// <summary>Returns when there may be room, or <see cref="Failure"/> is set.</summary>
    private async Task WaitForRoomAsync(TimeSpan? patience, TimeProvider time)
    {
        try
        {
            Task<bool> room = writer.WaitForRoomAsync().AsTask();
            if (!await (patience is { } limit ? room.WaitAsync(limit, time) : room))
            {
                await CompleteAsync();
                Failure ??= new Status(StatusCode.Internal, $"{address} ended the Put before it was whole");
            }
        }
        catch (TimeoutException)
        {
            await GiveUpAsync($"{address} took no slab for {patience!.Value.TotalSeconds} s, and other homes do");
        }
    }
}
