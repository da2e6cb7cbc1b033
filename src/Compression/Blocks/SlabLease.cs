using System.Diagnostics;
using KvCluster.Compression.Blocks.Segments;

namespace KvCluster.Compression.Blocks;

/// <summary>A counted right to the bytes of one slab. The last lease to be disposed gives the memory back to its pool.</summary>
/// <remarks>
/// Safe to share and dispose from many threads. Spans and memory taken from a lease must not outlive it. A lease that is
/// dropped without Dispose does not return its memory; the garbage collector finds it, and it is counted as leaked.
/// </remarks>
public sealed class SlabLease : IDisposable
{
    private SlabBuffer? _buffer;

    internal SlabLease(SlabBuffer buffer, int sizeBytes)
    {
        _buffer = buffer;
        SizeBytes = sizeBytes;
        RecordOwner();
    }

    /// <summary>The exact length that was rented.</summary>
    public int SizeBytes { get; }

    /// <summary>Bytes of memory that the slab takes up: its length and what the pool rounds it up by.</summary>
    public long ReservedBytes => SlabHeap.Round(SizeBytes);

    /// <exception cref="ObjectDisposedException">This lease was disposed.</exception>
    public Memory<byte> Memory => Buffer.Slice(SizeBytes);

    /// <exception cref="ObjectDisposedException">This lease was disposed.</exception>
    public Span<byte> Span => Buffer.GetSpan()[..SizeBytes];

    /// <summary>Where the slab begins in the pool's <see cref="SlabPool.SharedMemory"/>; null when it is another pool's or not in there.</summary>
    /// <exception cref="ObjectDisposedException">This lease was disposed.</exception>
    public long? SharedOffsetIn(SlabPool pool) => Buffer is { } buffer && buffer.IsOf(pool) ? buffer.SharedOffset : null;

    /// <summary>Where the lease was taken; empty but in DEBUG builds.</summary>
    internal string Owner { get; private set; } = "";

    private SlabBuffer Buffer
    {
        get
        {
            SlabBuffer? buffer = Volatile.Read(ref _buffer);
            ObjectDisposedException.ThrowIf(buffer is null, this);
            return buffer;
        }
    }

    /// <summary>Another right to the same bytes, to be disposed on its own.</summary>
    /// <exception cref="ObjectDisposedException">This lease was disposed.</exception>
    public SlabLease Share()
    {
        SlabBuffer buffer = Buffer;

        // A buffer may be back in the pool, and rented again, by the time the lock is had: this lease decides.
        lock (buffer)
        {
            ObjectDisposedException.ThrowIf(_buffer is null, this);
            buffer.LeaseCount++;
        }

        return new SlabLease(buffer, SizeBytes);
    }

    /// <summary>Gives up this right; again is nothing.</summary>
    public void Dispose()
    {
        SlabBuffer? buffer = Volatile.Read(ref _buffer);
        if (buffer is null)
        {
            return;
        }

        bool isLast;
        lock (buffer)
        {
            if (_buffer is null)
            {
                return;
            }

            _buffer = null;
            isLast = --buffer.LeaseCount == 0;
        }

        ForgetOwner();
        if (isLast)
        {
            buffer.Return();
        }
    }

    [Conditional("DEBUG")]
    private void RecordOwner()
    {
        Owner = new StackTrace(skipFrames: 2).ToString();
        SlabLeaseOwners.Add(this);
    }

    [Conditional("DEBUG")]
    private void ForgetOwner() => SlabLeaseOwners.Remove(this);
}
