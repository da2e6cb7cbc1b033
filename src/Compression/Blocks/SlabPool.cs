using KvCluster.Compression.Blocks.Segments;

namespace KvCluster.Compression.Blocks;

/// <summary>
/// Native memory for slabs, 64-byte aligned, out of large segments: of any size, rounded up to 64 bytes only. Contents are not cleared. Safe to use
/// from many threads.
/// </summary>
/// <param name="maxRetainedBytes">Most bytes kept idle for reuse.</param>
public sealed partial class SlabPool(long maxRetainedBytes = SlabPool.DefaultMaxRetainedBytes)
{
    /// <summary>64 MiB.</summary>
    public const long DefaultMaxRetainedBytes = 64L << 20;

    private readonly Lock _lock = new();
    private readonly SlabHeap _heap = new();
    private readonly Stack<SlabBuffer> _idleBuffers = new();
    private long _maxRetainedBytes = maxRetainedBytes;
    private int _rentedCount;
    private int _leakedCount;
    private bool _wasShareRefused;

    /// <summary>The pool of the process.</summary>
    public static SlabPool Shared { get; } = new();

    /// <summary>Most bytes kept idle for reuse; pages beyond that go back to the system. Pages at the edges of holes, which can't, come on top.</summary>
    public long MaxRetainedBytes
    {
        get
        {
            lock (_lock)
            {
                return _maxRetainedBytes;
            }
        }

        set
        {
            lock (_lock)
            {
                _maxRetainedBytes = value;
                _heap.GiveBack(value);
            }

            DisposeRemoved();
        }
    }

    /// <summary>Bytes that leases hold now, rounding included.</summary>
    public long RentedBytes
    {
        get
        {
            lock (_lock)
            {
                return _heap.RentedBytes;
            }
        }
    }

    /// <summary>Bytes that take up memory and that no lease holds.</summary>
    public long RetainedBytes
    {
        get
        {
            lock (_lock)
            {
                return _heap.ResidentBytes - _heap.RentedBytes;
            }
        }
    }

    /// <summary>Slabs that leases hold now; shared leases of one slab count once.</summary>
    public int RentedCount
    {
        get
        {
            lock (_lock)
            {
                return _rentedCount;
            }
        }
    }

    /// <summary>Slabs whose leases were dropped without Dispose, as far as the garbage collector has found them.</summary>
    public int LeakedCount
    {
        get
        {
            lock (_lock)
            {
                return _leakedCount;
            }
        }
    }

    /// <summary>What other processes may map; null before <see cref="TryShareMemory"/>, and where that failed.</summary>
    public SharedSlabMemory? SharedMemory
    {
        get
        {
            lock (_lock)
            {
                return _heap.Shared;
            }
        }
    }

    /// <summary>
    /// Has all memory that is taken from the system from now on lie where other processes can map it. It comes in small pages unless the system is set to huge ones for
    /// shared memory: only processes that lend slabs should ask for it. Once and for all; again is nothing.
    /// </summary>
    /// <returns>Null where there is no such memory: all stays private.</returns>
    public SharedSlabMemory? TryShareMemory()
    {
        SharedSlabMemory? shared;
        lock (_lock)
        {
            if (_heap.Shared is null && !_wasShareRefused)
            {
                _heap.Shared = SharedSlabMemory.TryCreate();
                _wasShareRefused = _heap.Shared is null;
                _heap.Trim();
            }

            shared = _heap.Shared;
        }

        DisposeRemoved();
        return shared;
    }

    /// <summary>Memory of exactly <paramref name="sizeBytes"/> (1 or more), with one lease on it.</summary>
    /// <exception cref="InsufficientMemoryException">The system gives no more.</exception>
    public SlabLease Rent(int sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        SlabBuffer? buffer;
        lock (_lock)
        {
            SlabExtent extent = _heap.Rent(SlabHeap.Round(sizeBytes));
            if (!_idleBuffers.TryPop(out buffer))
            {
                buffer = new SlabBuffer(this);
            }

            buffer.Attach(extent);
            _rentedCount++;
        }

        lock (buffer)
        {
            buffer.LeaseCount = 1;
        }

        return new SlabLease(buffer, sizeBytes);
    }

    /// <summary>Gives back to the system all segments of which nothing is rented, and all pages that only hold what is idle.</summary>
    public void Trim()
    {
        lock (_lock)
        {
            _heap.Trim();
            _heap.GiveBack(0);
        }

        DisposeRemoved();
    }

    internal void Return(SlabBuffer buffer)
    {
        IReadOnlyList<NativeSegment> removed;
        lock (_lock)
        {
            _heap.Return(buffer.Detach(), _maxRetainedBytes);
            _idleBuffers.Push(buffer);
            _rentedCount--;
            removed = _heap.TakeRemoved();
        }

        Dispose(removed);
    }

    /// <summary>Called by a finalizer, perhaps when all of the pool is garbage: no memory is touched or given back here.</summary>
    internal void ForgetLeaked(SlabBuffer buffer)
    {
        lock (_lock)
        {
            _heap.Release(buffer.Detach());
            _rentedCount--;
            _leakedCount++;
        }
    }

    private void DisposeRemoved()
    {
        IReadOnlyList<NativeSegment> removed;
        lock (_lock)
        {
            removed = _heap.TakeRemoved();
        }

        Dispose(removed);
    }

    private static void Dispose(IReadOnlyList<NativeSegment> removed)
    {
        for (int i = 0; i < removed.Count; i++)
        {
            removed[i].Dispose();
        }
    }
}
