using System.Numerics;

namespace KvCluster.Compression.Blocks;

/// <summary>
/// Native slab buffers, 64-byte aligned, kept for reuse in size classes: four to each power of two, so at most a fifth of a buffer
/// is unused. Contents are not cleared. Safe to use from many threads.
/// </summary>
/// <param name="maxRetainedBytes">Most bytes kept for reuse; more are freed as they come back.</param>
public sealed class SlabPool(long maxRetainedBytes = SlabPool.DefaultMaxRetainedBytes)
{
    /// <summary>64 MiB.</summary>
    public const long DefaultMaxRetainedBytes = 64L << 20;

    private const int MinCapacityBytes = 1024;
    private const int StepsPerDoubling = 4;
    private const int ClassCount = 1 + (21 * StepsPerDoubling);

    private readonly Lock _lock = new();
    private readonly Stack<SlabBuffer>?[] _free = new Stack<SlabBuffer>?[ClassCount];
    private long _rentedBytes;
    private long _retainedBytes;
    private int _rentedCount;
    private int _leakedCount;

    /// <summary>The pool of the process.</summary>
    public static SlabPool Shared { get; } = new();

    /// <summary>Capacity of the buffers that leases hold now.</summary>
    public long RentedBytes
    {
        get
        {
            lock (_lock)
            {
                return _rentedBytes;
            }
        }
    }

    /// <summary>Capacity of the buffers kept for reuse.</summary>
    public long RetainedBytes
    {
        get
        {
            lock (_lock)
            {
                return _retainedBytes;
            }
        }
    }

    /// <summary>Buffers that leases hold now; shared leases of one buffer count once.</summary>
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

    /// <summary>Buffers whose leases were dropped without Dispose, as far as the garbage collector has found them.</summary>
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

    /// <summary>A buffer of exactly <paramref name="sizeBytes"/> (1 or more), with one lease on it.</summary>
    public SlabLease Rent(int sizeBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(sizeBytes);
        (int sizeClass, int capacityBytes) = Classify(sizeBytes);
        SlabBuffer? buffer = null;
        lock (_lock)
        {
            if (_free[sizeClass] is { } free && free.TryPop(out buffer))
            {
                _retainedBytes -= buffer.CapacityBytes;
            }
        }

        buffer ??= new SlabBuffer(this, sizeClass, capacityBytes);
        lock (_lock)
        {
            _rentedBytes += buffer.CapacityBytes;
            _rentedCount++;
        }

        lock (buffer)
        {
            buffer.LeaseCount = 1;
        }

        return new SlabLease(buffer, sizeBytes);
    }

    /// <summary>Frees all buffers kept for reuse.</summary>
    public void Trim()
    {
        var freed = new List<SlabBuffer>();
        lock (_lock)
        {
            foreach (Stack<SlabBuffer>? free in _free)
            {
                freed.AddRange(free ?? []);
                free?.Clear();
            }

            _retainedBytes = 0;
        }

        freed.ForEach(buffer => buffer.Free());
    }

    /// <summary>Proves that the counts agree with the free lists; for tests, after every scenario.</summary>
    /// <exception cref="InvalidOperationException">They do not.</exception>
    public void CheckIntegrity()
    {
        lock (_lock)
        {
            long retained = 0;
            var seen = new HashSet<SlabBuffer>(ReferenceEqualityComparer.Instance);
            foreach (SlabBuffer buffer in _free.SelectMany(free => free ?? []))
            {
                retained += buffer.CapacityBytes;
                Require(seen.Add(buffer), "a buffer was returned twice");
                Require(buffer.LeaseCount == 0, "a free buffer is leased");
            }

            Require(retained == _retainedBytes, $"{retained} bytes are free, {_retainedBytes} are counted");
            Require(_retainedBytes <= maxRetainedBytes, $"{_retainedBytes} bytes are kept, at most {maxRetainedBytes} should be");
            Require(_rentedBytes >= 0 && _rentedCount >= 0, $"{_rentedCount} buffers of {_rentedBytes} bytes are rented");
            Require(_rentedCount == 0 == (_rentedBytes == 0), $"{_rentedCount} buffers of {_rentedBytes} bytes are rented");
        }
    }

    internal void Return(SlabBuffer buffer)
    {
        bool isKept;
        lock (_lock)
        {
            _rentedBytes -= buffer.CapacityBytes;
            _rentedCount--;
            isKept = _retainedBytes + buffer.CapacityBytes <= maxRetainedBytes;
            if (isKept)
            {
                _retainedBytes += buffer.CapacityBytes;
                (_free[buffer.SizeClass] ??= new Stack<SlabBuffer>()).Push(buffer);
            }
        }

        if (!isKept)
        {
            buffer.Free();
        }
    }

    internal void ForgetLeaked(SlabBuffer buffer)
    {
        lock (_lock)
        {
            if (buffer.LeaseCount == 0)
            {
                return; // kept for reuse by a pool that is itself being collected
            }

            _rentedBytes -= buffer.CapacityBytes;
            _rentedCount--;
            _leakedCount++;
        }
    }

    internal static (int SizeClass, int CapacityBytes) Classify(int sizeBytes)
    {
        uint size = (uint)Math.Max(sizeBytes, MinCapacityBytes) - 1;
        int doubling = BitOperations.Log2(size) - BitOperations.Log2(MinCapacityBytes) + 1;
        if (doubling <= 0)
        {
            return (0, MinCapacityBytes);
        }

        int stepBits = BitOperations.Log2(size) - BitOperations.Log2(StepsPerDoubling);
        long capacity = ((size >> stepBits) + 1L) << stepBits;
        int step = (int)(size >> stepBits) - StepsPerDoubling;
        return (1 + ((doubling - 1) * StepsPerDoubling) + step, (int)Math.Min(capacity, int.MaxValue));
    }

    private static void Require(bool condition, string problem)
    {
        if (!condition)
        {
            throw new InvalidOperationException($"The slab pool is broken: {problem}.");
        }
    }
}
