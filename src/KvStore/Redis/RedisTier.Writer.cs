using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Format;
using StackExchange.Redis;

namespace KvCluster.KvStore.Redis;

internal sealed partial class RedisTier
{
    private const int MaxWritesUnderWay = 4;
    private const int MaxDropsAtOnce = 256;
    private const int MaxDroppingCount = 65_536;

    /// <summary>Redis takes no longer value.</summary>
    private const long MaxValueBytes = 512 << 20;

    public Task FlushAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            return _queue.IsClosed ? Task.CompletedTask : _queue.AddFlushWaiter().WaitAsync(cancellationToken);
        }
    }

    private async Task RunWriterAsync()
    {
        var underWay = new List<Task>();
        while (true)
        {
            underWay.RemoveAll(write => write.IsCompleted);
            bool wereDropped = await DropNextAsync();
            while (underWay.Count < MaxWritesUnderWay && TakeNext() is { } next)
            {
                underWay.Add(WriteAsync(next.Block, next.Share));
            }

            if (underWay.Count > 0)
            {
                await Task.WhenAny(underWay);
                continue;
            }

            TaskCompletionSource[] flushWaiters;
            Task work;
            bool isClosed;
            lock (_lock)
            {
                if (_queue.Count > 0 || (wereDropped && _link.IsAnswering && !_queue.IsEmpty))
                {
                    continue;
                }

                _queue.Rest();
                work = _queue.Work;
                flushWaiters = _queue.TakeFlushWaiters();

                // Not from the work's end: a wake that comes before it is looked at is no end of the writer.
                isClosed = _queue.IsClosed;
            }

            Array.ForEach(flushWaiters, waiter => waiter.SetResult());
            if (isClosed)
            {
                return;
            }

            await work;
        }
    }

    private (ColdBlock Block, ColdBlock Share)? TakeNext()
    {
        lock (_lock)
        {
            return _queue.TryTakeNext(out ColdBlock? block) ? (block, block.Share()) : null;
        }
    }

    private async Task WriteAsync(ColdBlock block, ColdBlock share)
    {
        long lengthBytes = 0;
        try
        {
            lengthBytes = await StoreAsync(share);
        }
        catch (Exception error)
        {
            // No answer of Redis does this. The block is given up; the queue goes on.
            Counters.FailedWrite();
            Log.WriteBroke(_logger, share.Id, error);
        }
        finally
        {
            share.Dispose();
        }

        lock (_lock)
        {
            bool isWanted = _queue.Remove(block);
            if (isWanted)
            {
                block.Dispose();
            }

            if (lengthBytes > 0 && isWanted)
            {
                _dropping.Remove(block.Id);
                _known.Add(block.Id, lengthBytes);
            }
            else if (lengthBytes > 0)
            {
                // Dropped while it was being written.
                _dropping.Remove(block.Id);
                DropLocked(block.Id);
            }
        }
    }

    /// <summary>Length of the value; 0 when it was not stored.</summary>
    private async Task<long> StoreAsync(ColdBlock block)
    {
        if (!_link.IsAnswering)
        {
            Counters.PausedSkip();
            return 0;
        }

        if (block.Verify() != SlabError.None)
        {
            Counters.Corrupt(1);
            Log.BlockCorruptInMemory(_logger, block.Id);
            return 0;
        }

        // Another shard may have written it: then the bytes need not travel. What was dropped here is written anew.
        RedisAnswer<RedisValue> head = await _link.AskAsync(RedisLane.Queries, 0, database => HeadAsync(database, block.Id));
        long lengthBytes = _codec.LengthOf(block);
        if (TryReadHead(head.Value, block.Id, out RecordHeader header)
            && header.LengthBytes == lengthBytes
            && _codec.Cipher.IsCurrent(header.Seal)
            && !IsDropping(block.Id))
        {
            RedisAnswer<bool> isHere = await _link.AskAsync(RedisLane.Queries, 0, database => database.KeyExpireAsync(KeyOf(block.Id), _options.BlockTtl));
            if (isHere is { IsAnswered: true, Value: true })
            {
                RedisCounters.SharedBlock();
                return lengthBytes;
            }
        }

        byte[] value = Encode(block);
        RedisAnswer<bool> stored = await _link.AskAsync(
            RedisLane.Values, value.Length, database => database.StringSetAsync(KeyOf(block.Id), value, _options.BlockTtl));
        if (stored is { IsAnswered: true, Value: true })
        {
            Counters.Wrote(block.SizeBytes);
            return value.Length;
        }

        Counters.FailedWrite();
        return 0;
    }

    private byte[] Encode(ColdBlock block)
    {
        using EncodedRecord record = _codec.Encode(block);
        return record.ToArray();
    }

    private bool IsDropping(BlockId id)
    {
        lock (_lock)
        {
            return _dropping.Contains(id);
        }
    }

    /// <summary>Deletes what was dropped. What can't be deleted now is never served from here, and tried again with the next work.</summary>
    /// <returns>False when Redis did not answer.</returns>
    private async Task<bool> DropNextAsync()
    {
        var ids = new List<BlockId>();
        lock (_lock)
        {
            while (_link.IsAnswering && ids.Count < MaxDropsAtOnce && _queue.TryTakeDrop(out BlockId id))
            {
                if (_dropping.Contains(id))
                {
                    ids.Add(id);
                }
            }
        }

        if (ids.Count == 0)
        {
            return true;
        }

        RedisAnswer<long> answer = await _link.AskAsync(
            RedisLane.Queries, 0, database => database.KeyDeleteAsync([.. ids.Select(KeyOf)]));
        lock (_lock)
        {
            foreach (BlockId id in ids)
            {
                if (answer.IsAnswered)
                {
                    // A question asked before the deletion may be answered after it.
                    _dropping.Remove(id);
                    _dropVersion++;
                }
                else if (!_queue.IsClosed)
                {
                    _queue.AddDrop(id);
                }
            }
        }

        return answer.IsAnswered;
    }
}
