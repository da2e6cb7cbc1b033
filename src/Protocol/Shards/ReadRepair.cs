using System.Threading.Channels;
using KvCluster.Compression.Blocks;
using KvCluster.Protocol.Transfer;

namespace KvCluster.Protocol.Shards;

/// <summary>
/// Copies Blocks to homes that lack them, behind the reads that found them elsewhere. Best effort: what comes faster than it goes is left out and
/// counted; it will be found elsewhere again.
/// </summary>
public sealed class ReadRepair : IAsyncDisposable
{
    private const int MaxBatchCount = 32;

    private readonly Channel<RepairBlock> _queue = Channel.CreateUnbounded<RepairBlock>(new UnboundedChannelOptions { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly ShardConnections _connections;
    private readonly Func<ulong?> _epoch;
    private readonly long _limitBytes;
    private readonly ShardCounters _counters;
    private readonly Task _pump;
    private long _queuedBytes;

    /// <param name="connections">To the shards.</param>
    /// <param name="epoch">The incarnation of the worker that copies; null while it has none.</param>
    /// <param name="limitBytes">Most bytes that wait to be copied.</param>
    /// <param name="counters">Counts blocks copied and left out.</param>
    public ReadRepair(ShardConnections connections, Func<ulong?> epoch, long limitBytes, ShardCounters counters)
    {
        (_connections, _epoch, _limitBytes, _counters) = (connections, epoch, limitBytes, counters);
        _pump = Task.Run(PumpAsync);
    }

    /// <summary>Bytes that wait or are on their way.</summary>
    public long QueuedBytes => Interlocked.Read(ref _queuedBytes);

    /// <summary>Takes the block over.</summary>
    public void Offer(RepairBlock block)
    {
        if (Interlocked.Add(ref _queuedBytes, block.SizeBytes) > _limitBytes || !_queue.Writer.TryWrite(block))
        {
            _counters.Unrepaired(block.Homes.Count);
            Free(block);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _stop.CancelAsync();
        await _pump;
        _stop.Dispose();
    }

    private async Task PumpAsync()
    {
        while (await _queue.Reader.WaitToReadAsync())
        {
            var batch = new List<RepairBlock>();
            while (batch.Count < MaxBatchCount && _queue.Reader.TryRead(out RepairBlock? block))
            {
                batch.Add(block);
            }

            await Task.WhenAll(batch.SelectMany(block => block.Homes.Select(home => (home, block.Owner, block)))
                .GroupBy(copy => (copy.home, copy.Owner), copy => copy.block)
                .Select(copies => CopyAsync(copies.Key.home, copies.Key.Owner, [.. copies])));
            batch.ForEach(Free);
        }
    }

    private async Task CopyAsync(string home, BlockId owner, RepairBlock[] blocks)
    {
        if (_epoch() is not { } epoch || _stop.IsCancellationRequested)
        {
            _counters.Unrepaired(blocks.Length);
            return;
        }

        try
        {
            await using BlockWriter writer = _connections.OpenWriter(home, epoch, isCopying: true, owner, cancellationToken: _stop.Token);
            foreach (RepairBlock block in blocks)
            {
                for (int layer = 0; layer < block.Slabs.Count; layer++)
                {
                    await writer.EnqueueAsync(block.Id, layer, block.Slabs.Count, block.Slabs[layer].Share());
                }
            }

            await writer.CompleteAsync();
            _counters.Repaired(blocks.Length);
        }
        catch (Exception)
        {
            // The home may be full, gone again, or no address at all. The next read that finds the blocks elsewhere offers them again, and whatever is wrong
            // with these, the pump goes on with others.
            _counters.Unrepaired(blocks.Length);
        }
    }

    private void Free(RepairBlock block)
    {
        Interlocked.Add(ref _queuedBytes, -block.SizeBytes);
        block.Dispose();
    }
}
