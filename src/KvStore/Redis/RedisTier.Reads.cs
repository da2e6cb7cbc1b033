using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Disk.Format;
using StackExchange.Redis;

namespace KvCluster.KvStore.Redis;

internal sealed partial class RedisTier
{
    private const string KeyPrefix = "kvcluster:block:";
    private const int FirstQuestionCount = 8;
    private const int MaxQuestionCount = 1024;
    private const int MaxQuestionAttempts = 3;

    public async Task LocateAsync(IReadOnlyList<BlockId> ids, bool isChain, CancellationToken cancellationToken)
    {
        // A chain that is not here costs one short question, and a long one that is here few of them.
        int count = isChain ? FirstQuestionCount : MaxQuestionCount;
        int start = 0;
        long begin = _time.GetTimestamp();
        while (start < ids.Count && _time.GetElapsedTime(begin) < _options.Timeout)
        {
            BlockId[] asked = [.. ids.Skip(start).Take(count)];
            int foundCount = await FindAsync(asked, cancellationToken);
            if (foundCount < 0)
            {
                RedisCounters.FailedQuery();
                return;
            }

            if (foundCount < asked.Length && isChain)
            {
                return;
            }

            start += count;
            count = Math.Min(4 * count, MaxQuestionCount);
        }
    }

    public async Task<ColdRead> ReadAsync(BlockId id)
    {
        long sizeBytes;
        bool wasKnown;
        lock (_lock)
        {
            if (_queue.TryFind(id, out ColdBlock? queued))
            {
                return new ColdRead(queued.Share());
            }

            wasKnown = _known.TryGetSize(id, out sizeBytes);
            if (_queue.IsClosed || _dropping.Contains(id))
            {
                return default;
            }
        }

        RedisAnswer<RedisValue> answer = await _link.AskAsync(RedisLane.Values, sizeBytes, database => FetchAsync(database, id));
        if (!answer.IsAnswered)
        {
            Counters.FailedRead();
            return default;
        }

        byte[]? value = answer.Value;
        if (value is not { Length: > 0 })
        {
            lock (_lock)
            {
                _known.Remove(id);
            }

            if (wasKnown)
            {
                RedisCounters.VanishedBlock();
            }

            return default;
        }

        RecordRead read = _codec.Read(new RedisRecord(value), id);
        if (read.Block is { } block)
        {
            Counters.Read(block.SizeBytes);
            return new ColdRead(block);
        }

        bool isDamaged = read.Fault == RecordFault.Damaged;
        lock (_lock)
        {
            if (isDamaged)
            {
                DropLocked(id);
            }
            else
            {
                _known.Remove(id);
            }
        }

        if (isDamaged)
        {
            Counters.Corrupt(1);
            Log.ValueCorrupt(_logger, id);
        }
        else
        {
            NoteUnreadable(id, read.Fault, read.KeyFingerprint);
        }

        return new ColdRead(null, isDamaged);
    }

    private static RedisKey KeyOf(BlockId id) => KeyPrefix + id;

    private static Task<RedisValue> HeadAsync(IDatabase database, BlockId id) =>
        database.StringGetRangeAsync(KeyOf(id), 0, RecordHeader.SizeBytes - 1);

    private Task<RedisValue> FetchAsync(IDatabase database, BlockId id)
    {
        Task<RedisValue> value = database.StringGetAsync(KeyOf(id));
        _ = database.KeyExpireAsync(KeyOf(id), _options.BlockTtl, flags: CommandFlags.FireAndForget);
        return value;
    }

    /// <returns>How many of the blocks are here; -1 when that could not be found out.</returns>
    private async Task<int> FindAsync(BlockId[] ids, CancellationToken cancellationToken)
    {
        for (int attempt = 0; attempt < MaxQuestionAttempts; attempt++)
        {
            long dropVersion;
            lock (_lock)
            {
                dropVersion = _dropVersion;
            }

            RedisAnswer<RedisValue[]> answer = await _link.AskAsync(
                RedisLane.Queries, 0, database => Task.WhenAll(ids.Select(id => HeadAsync(database, id))), cancellationToken);
            if (!answer.IsAnswered)
            {
                break;
            }

            if (Note(ids, answer.Value!, dropVersion) is { } foundCount)
            {
                return foundCount;
            }
        }

        return -1;
    }

    /// <summary>The blocks of these heads are here.</summary>
    /// <returns>How many; null when any block was dropped since the question: it might be one of these, and gone.</returns>
    private int? Note(BlockId[] ids, RedisValue[] heads, long dropVersion)
    {
        int foundCount = 0;
        lock (_lock)
        {
            if (dropVersion != _dropVersion)
            {
                return null;
            }

            for (int i = 0; i < ids.Length; i++)
            {
                if (TryReadHead(heads[i], ids[i], out RecordHeader header) && !_dropping.Contains(ids[i]))
                {
                    _known.Add(ids[i], header.LengthBytes);
                    foundCount++;
                }
            }
        }

        RedisCounters.Located(foundCount);
        return foundCount;
    }

    /// <summary>Whether this is the beginning of a value that is worth reading.</summary>
    private bool TryReadHead(RedisValue head, BlockId id, out RecordHeader header)
    {
        header = default;
        byte[]? bytes = head;
        if (bytes is null || !RecordHeader.TryRead(bytes, out header, out _) || header.BlockId != id)
        {
            return false;
        }

        RecordFault fault = _codec.FaultOf(header);
        if (fault != RecordFault.None)
        {
            NoteUnreadable(id, fault, header.Seal?.KeyFingerprint ?? 0);
        }

        return fault == RecordFault.None;
    }

    private void NoteUnreadable(BlockId id, RecordFault fault, ulong keyFingerprint)
    {
        Counters.UnreadableBlock();
        if (!_codec.Cipher.IsFirstMiss(keyFingerprint))
        {
            return;
        }

        if (fault == RecordFault.NotSealed)
        {
            Log.NotSealed(_logger, id);
        }
        else
        {
            Log.KeyUnknown(_logger, id, keyFingerprint);
        }
    }
}
