using KvCluster.Compression.Blocks;

namespace KvCluster.Protocol.Streams;

/// <summary>Slabs that the other end of a connection was referred to and has not taken yet, oldest first. All are given back when the connection ends.</summary>
internal sealed class LentSlabs : IDisposable
{
    /// <summary>Most that may be lent at a time, but for a single slab that is larger.</summary>
    public const long WindowBytes = 16 << 20;

    private readonly SharedSlabMemory _memory;
    private readonly Queue<SlabLease> _slabs = new();
    private readonly long _wordOffset;
    private long _bytes;
    private TaskCompletionSource? _room;
    private bool _isDisposed;

    private LentSlabs(SharedSlabMemory memory, long wordOffset, long wordValue)
    {
        (_memory, _wordOffset) = (memory, wordOffset);
        Offer = new MemoryOffer(memory.SizeBytes, wordOffset, wordValue);
    }

    /// <summary>What the other end is told.</summary>
    public MemoryOffer Offer { get; }

    public int Count
    {
        get
        {
            lock (_slabs)
            {
                return _slabs.Count;
            }
        }
    }

    /// <summary>Null when as many connections as there may be lend already.</summary>
    public static LentSlabs? TryCreate(SharedSlabMemory memory) =>
        memory.TryOpenWord(out long offset, out long value) ? new LentSlabs(memory, offset, value) : null;

    /// <summary>Lends a slab, which this takes over, if there is room.</summary>
    /// <exception cref="ObjectDisposedException">The connection has ended; the slab was freed.</exception>
    public bool TryAdd(SlabLease slab)
    {
        lock (_slabs)
        {
            if (!_isDisposed && _slabs.Count > 0 && _bytes + slab.SizeBytes > WindowBytes)
            {
                _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return false;
            }

            if (!_isDisposed)
            {
                _bytes += slab.SizeBytes;
                _slabs.Enqueue(slab);
                return true;
            }
        }

        slab.Dispose();
        throw new ObjectDisposedException(nameof(SlabSocket));
    }

    /// <summary>After <see cref="TryAdd"/> said no: when to try again.</summary>
    public Task WaitForRoomAsync(CancellationToken cancellationToken)
    {
        lock (_slabs)
        {
            return _room?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask;
        }
    }

    /// <summary>The other end has copied the oldest ones.</summary>
    /// <exception cref="InvalidDataException">So many were not lent.</exception>
    public void Take(int count)
    {
        lock (_slabs)
        {
            if (count > _slabs.Count)
            {
                throw new InvalidDataException($"the other end took {count} slabs and was lent {_slabs.Count}");
            }

            for (int i = 0; i < count; i++)
            {
                ReturnOldest();
            }

            Signal();
        }
    }

    /// <summary>The connection has ended, and its other end can know.</summary>
    public void Dispose()
    {
        lock (_slabs)
        {
            if (_isDisposed)
            {
                return;
            }

            // First of all: who still copies must find out that it can't be trusted.
            _isDisposed = true;
            _memory.CloseWord(_wordOffset);
            while (_slabs.Count > 0)
            {
                ReturnOldest();
            }

            Signal();
        }
    }

    private void ReturnOldest()
    {
        SlabLease slab = _slabs.Dequeue();
        _bytes -= slab.SizeBytes;
        slab.Dispose();
    }

    private void Signal()
    {
        _room?.TrySetResult();
        _room = null;
    }
}
