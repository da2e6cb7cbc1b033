using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk;
using KvCluster.KvStore.Isolation;

namespace KvCluster.KvStore.Redis;

/// <summary>
/// Blocks in a Redis that shards share: one value a block, the record that a disk would hold, with a time to live. A Redis that is slow or dead
/// holds nothing: reads and questions end within a limit, writes are skipped and counted, and no request fails.
/// </summary>
/// <remarks>
/// What Redis holds is asked for where a request may wait (<see cref="LocateAsync"/>) and remembered for a while, so that everything else
/// needs no I/O. It is a hint: a block that expired in the meantime is found missing when it is read. A lease can't keep Redis from
/// evicting; it only counts here. One lock guards what is known and queued; nothing under it does I/O.
/// </remarks>
internal sealed partial class RedisTier : IColdTier
{
    private readonly Lock _lock = new();
    private readonly RedisTierOptions _options;
    private readonly RecordCodec _codec;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RedisLink _link;
    private readonly KnownBlocks _known;
    private readonly WriteQueue<BlockId> _queue;
    private readonly Dictionary<BlockId, int> _holds = [];
    private readonly HashSet<BlockId> _dropping = [];
    private long _dropVersion;
    private readonly Task _writer;

    /// <param name="options">Connection, sizes and times.</param>
    /// <param name="time">Clock of limits.</param>
    /// <param name="logger">Hears of damage and outages.</param>
    /// <param name="pool">Where slabs are rented; null for the process's.</param>
    /// <param name="cipher">Seals and opens values; null: they are plain.</param>
    /// <exception cref="ArgumentException">The connection string is wrong.</exception>
    public RedisTier(RedisTierOptions options, TimeProvider time, ILogger logger, SlabPool? pool = null, RecordCipher? cipher = null)
    {
        _options = options;
        _codec = new RecordCodec(pool ?? SlabPool.Shared, cipher ?? RecordCipher.None, refusesPlain: cipher is { IsSealing: true });
        _time = time;
        _logger = logger;
        _known = new KnownBlocks(time, options.KnownTime, options.MaxKnownCount);
        _queue = new WriteQueue<BlockId>(_lock, options.QueueBytes, Counters);
        _link = new RedisLink(options, RedisCounters, time, logger, onLost: ForgetKnown, onRestored: WakeWriter);
        _writer = Task.Run(RunWriterAsync);
    }

    public ColdCounters Counters { get; } = new();

    public RedisCounters RedisCounters { get; } = new();

    public bool MustBeAsked => true;

    /// <summary>False while Redis is given up.</summary>
    public bool IsAnswering => _link.IsAnswering;

    public bool TryGetSize(BlockId id, out long sizeBytes)
    {
        lock (_lock)
        {
            return TryGetSizeLocked(id, out sizeBytes);
        }
    }

    public bool TryHold(BlockId id)
    {
        lock (_lock)
        {
            bool isHere = TryGetSizeLocked(id, out _);
            if (isHere)
            {
                _holds[id] = _holds.GetValueOrDefault(id) + 1;
            }

            return isHere;
        }
    }

    public void Unhold(BlockId id)
    {
        lock (_lock)
        {
            if (_holds.TryGetValue(id, out int count) && count > 1)
            {
                _holds[id] = count - 1;
            }
            else
            {
                _holds.Remove(id);
            }
        }
    }

    public bool TryWrite(ColdBlock block)
    {
        bool isTaken = false;
        lock (_lock)
        {
            if (TryGetSizeLocked(block.Id, out _))
            {
                // Here already.
            }
            else if (_queue.IsClosed || !_link.IsAnswering)
            {
                Counters.PausedSkip();
            }
            else if (_codec.LengthOf(block) > MaxValueBytes)
            {
                Counters.NoRoomSkip();
            }
            else
            {
                isTaken = _queue.TryAdd(block);
            }
        }

        if (!isTaken)
        {
            block.Dispose();
        }

        return isTaken;
    }

    public Task WaitForRoomAsync(CancellationToken cancellationToken) => _queue.WaitForRoomAsync(cancellationToken);

    public bool Drop(BlockId id)
    {
        lock (_lock)
        {
            bool wasHere = TryGetSizeLocked(id, out _);
            _queue.Cancel(id);
            DropLocked(id);
            return wasHere;
        }
    }

    public ColdStat Stat()
    {
        lock (_lock)
        {
            return new ColdStat(_known.Count, 0, 0, _queue.Count, _queue.SizeBytes, _holds.Count, 0);
        }
    }

    /// <summary>Ends the connection. What is still queued is lost; flush first to keep it.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_queue.IsClosed)
            {
                return;
            }

            _queue.Close();
        }

        await _writer;
        await _link.DisposeAsync();
    }

    /// <summary>Proves that what is queued and held is counted right; for tests, after every scenario.</summary>
    /// <exception cref="InvalidOperationException">It is not.</exception>
    public void CheckIntegrity()
    {
        lock (_lock)
        {
            bool isSound = (_queue.Count > 0 || _queue.SizeBytes == 0) && _holds.Values.All(count => count > 0) && _dropping.Count <= MaxDroppingCount;
            if (!isSound)
            {
                throw new InvalidOperationException("The Redis tier is broken: its queue, holds or drops are miscounted.");
            }
        }
    }

    private bool TryGetSizeLocked(BlockId id, out long sizeBytes)
    {
        if (_queue.TryFind(id, out ColdBlock? queued))
        {
            sizeBytes = queued.SizeBytes;
            return true;
        }

        sizeBytes = 0;
        return !_queue.IsClosed && _link.IsAnswering && _known.TryGetSize(id, out sizeBytes);
    }

    private void DropLocked(BlockId id)
    {
        _known.Remove(id);
        _dropVersion++;
        if (!_queue.IsClosed && _dropping.Count < MaxDroppingCount && _dropping.Add(id))
        {
            _queue.AddDrop(id);
        }
    }

    private void ForgetKnown()
    {
        lock (_lock)
        {
            _known.Clear();
        }
    }

    private void WakeWriter()
    {
        lock (_lock)
        {
            _queue.Wake();
        }
    }
}
