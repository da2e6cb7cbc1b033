using Grpc.Core;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Tiers;
using KvCluster.Protocol;
using KvCluster.Protocol.Shards;
using KvCluster.Protocol.Transfer;
using KvCluster.V1;

namespace KvCluster.KvStore.Moving;

/// <summary>One run of copying what memory holds to other shards that lack it, last used first.</summary>
internal sealed class BlockCopier(MemoryTier memory, ShardConnections connections, ulong epoch, ILogger logger)
{
    private const int BatchCount = 64;

    private readonly Lock _lock = new();
    private readonly HashSet<BlockId> _done = [];
    private int _copiedCount;
    private int _knownCount;

    /// <summary>Blocks that a shard lacked and took.</summary>
    public int CopiedCount => _copiedCount;

    /// <summary>Blocks that a shard had already.</summary>
    public int KnownCount => _knownCount;

    /// <summary>Copies the blocks that were not copied by an earlier call, or not taken. A shard that can't be given its blocks costs the others nothing.</summary>
    /// <param name="homesOf">Where a block should be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task CopyAsync(Func<BlockId, IEnumerable<string>> homesOf, CancellationToken cancellationToken)
    {
        foreach (BlockId[] batch in memory.BlocksForBelow().Where(Begin).Chunk(BatchCount))
        {
            await Task.WhenAll(batch
                .SelectMany(id => homesOf(id).Select(home => (home, id)))
                .GroupBy(pair => pair.home, pair => pair.id)
                .Select(group => CopyAsync(group.Key, [.. group], cancellationToken)));
        }
    }

    private async Task CopyAsync(string home, BlockId[] ids, CancellationToken cancellationToken)
    {
        try
        {
            var request = new LookupRequest { Every = true };
            request.BlockIds.AddRange(ids.ToByteStrings());
            LookupReply known = await connections.ClientOf(home).LookupAsync(request, cancellationToken: cancellationToken);
            BlockId[] unknown = [.. ids.Where((_, i) => !HeldBits.Get(known.HeldBits, i))];
            Interlocked.Add(ref _knownCount, ids.Length - unknown.Length);
            if (unknown.Length == 0)
            {
                return;
            }

            // A Put is of one owner.
            foreach (IGrouping<BlockId, BlockId> owned in unknown.GroupBy(memory.OwnerOf))
            {
                await using BlockWriter writer = connections.OpenWriter(home, epoch, isCopying: true, owned.Key, cancellationToken);
                foreach (BlockId id in owned)
                {
                    await SendAsync(writer, id);
                }

                await writer.CompleteAsync();
            }

            Interlocked.Add(ref _copiedCount, unknown.Length);
            memory.Counters.HandedOverBlocks(unknown.Length);
        }
        catch (Exception error) when (!cancellationToken.IsCancellationRequested)
        {
            memory.Counters.NotHandedOverBlocks(ids.Length);
            if (error is RpcException { Status: var status })
            {
                Log.NotTaken(logger, home, ids.Length, status.StatusCode, status.Detail);
            }
            else
            {
                Log.CopyFailed(logger, home, ids.Length, error);
            }

            lock (_lock)
            {
                _done.ExceptWith(ids);
            }
        }
        catch (RpcException)
        {
            throw new OperationCanceledException(cancellationToken);
        }
    }

    private bool Begin(BlockId id)
    {
        lock (_lock)
        {
            return _done.Add(id);
        }
    }

    private async Task SendAsync(BlockWriter writer, BlockId id)
    {
        using ColdBlock? block = memory.Share(id);
        for (int layer = 0; layer < (block?.LayerCount ?? 0); layer++)
        {
            if (!await writer.EnqueueAsync(id, layer, block!.LayerCount, block.Slabs[layer].Share()))
            {
                return;
            }
        }
    }
}
