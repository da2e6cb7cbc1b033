using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.KvStore.Cold;
using KvCluster.KvStore.Disk.Files;
using KvCluster.KvStore.Isolation;

namespace KvCluster.KvStore.Disk;

/// <summary>
/// Blocks in append-only segment files within a budget of bytes. A request never waits for a write: blocks go through a bounded queue, and
/// what does not fit is skipped and counted.
/// </summary>
/// <remarks>
/// A block counts as held from the moment it is queued. Every block is verified when it is read, so that no crash, torn write or damaged bit
/// gives wrong bytes; the checksums are the slabs' own. The folder is a cache: fsync is for soon having most of it back after
/// a power cut, not for correctness, so writes are flushed together, at most <see cref="DiskTierOptions.FlushInterval"/> late.
/// One lock guards the index; nothing under it does I/O.
/// </remarks>
internal sealed partial class DiskTier : IColdTier
{
    private readonly Lock _lock = new();
    private readonly IDataFolder _folder;
    private readonly DiskTierOptions _options;
    private readonly RecordCodec _codec;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly DiskIndex _index;
    private readonly SegmentLog _log;
    private readonly WriteQueue<DiskRecord> _queue;
    private bool _isDisposed;
    private readonly Task _writer;

    private DiskTier(
        IDataFolder folder, DiskTierOptions options, DiskIndex index, ColdCounters counters, TimeProvider time, RecordCodec codec, ILogger logger)
    {
        _folder = folder;
        _options = options;
        _index = index;
        Counters = counters;
        _time = time;
        _codec = codec;
        _logger = logger;
        _queue = new WriteQueue<DiskRecord>(_lock, options.QueueBytes, counters);
        _log = new SegmentLog(folder, index, _lock, options, counters, codec, logger);
        _log.ShrinkToBudget();
        _writer = Task.Run(RunWriterAsync);
    }

    public ColdCounters Counters { get; }

    /// <summary>Opens a folder and everything that is sound in it; the tier owns the folder from now on.</summary>
    /// <exception cref="DataFolderException">It can't be used; the message says why and what to do.</exception>
    public static DiskTier Open(IDataFolder folder, DiskTierOptions options, TimeProvider time, ILogger logger, SlabPool? pool = null, RecordCipher? cipher = null)
    {
        try
        {
            long start = Stopwatch.GetTimestamp();
            var counters = new ColdCounters();
            var codec = new RecordCodec(pool ?? SlabPool.Shared, cipher ?? RecordCipher.None);
            DiskIndex index = FolderLoader.Load(folder, codec, counters, logger);
            var tier = new DiskTier(folder, options, index, counters, time, codec, logger);
            ColdStat stat = tier.Stat();
            Log.FolderOpened(
                logger, folder.Path, stat.BlockCount, stat.SegmentCount, stat.ByteCount, stat.ByteBudget, Stopwatch.GetElapsedTime(start));
            return tier;
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    public bool TryGetSize(BlockId id, out long sizeBytes)
    {
        lock (_lock)
        {
            if (_queue.TryFind(id, out ColdBlock? queued))
            {
                sizeBytes = queued.SizeBytes;
                return true;
            }

            bool isHere = _index.TryFind(id, out DiskRecord? record);
            sizeBytes = isHere ? record!.Entry.LengthBytes : 0;
            return isHere;
        }
    }

    public bool TryHold(BlockId id)
    {
        lock (_lock)
        {
            bool isHere = _queue.TryFind(id, out _) || _index.TryFind(id, out _);
            if (isHere)
            {
                _index.Hold(id);
            }

            return isHere;
        }
    }

    public void Unhold(BlockId id)
    {
        lock (_lock)
        {
            _index.Unhold(id);
        }
    }

    public bool TryWrite(ColdBlock block)
    {
        bool isTaken;
        lock (_lock)
        {
            if (_queue.TryFind(block.Id, out _) || _index.TryFind(block.Id, out _))
            {
                isTaken = false;
            }
            else if (_queue.IsClosed || IsPaused)
            {
                Counters.PausedSkip();
                isTaken = false;
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
            bool wasQueued = _queue.Cancel(id);
            if (!_index.TryFindAny(id, out DiskRecord? record))
            {
                return wasQueued;
            }

            _index.Remove(record);
            _queue.AddDrop(record);
            return wasQueued || !record.IsUnreadable;
        }
    }

    public ColdStat Stat()
    {
        lock (_lock)
        {
            return new ColdStat(
                _index.Count, _index.SizeBytes, _options.BudgetBytes, _queue.Count, _queue.SizeBytes, _index.HeldCount, _index.Segments.Count);
        }
    }

    /// <summary>Stops writing, ends the active segment and closes the folder. What is still queued is lost; flush first to keep it.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            if (!_queue.IsClosed)
            {
                _queue.Close();
            }
        }

        await _writer;
        lock (_lock)
        {
            foreach (Segment segment in _index.Segments)
            {
                segment.File.Dispose();
            }
        }

        _folder.Dispose();
    }
}
