using Grpc.Core;
using KvCluster.Inference.Engine;

namespace KvCluster.DecodeWorker.Direct;

/// <summary>
/// What one Decode call takes straight from a prefill worker: one Put, from when there is room for its Sequence until all is here, the Put
/// ends, or the call does not want it any more. Thread-safe.
/// </summary>
/// <param name="onClosed">Called once, when nothing more is taken.</param>
internal sealed class DirectIntake(Action onClosed) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<BlockIntake?> _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _closing = new();
    private bool _isTaken;
    private bool _isWhole;
    private bool _isClosed;
    private long _slabCount;
    private long _bytes;

    /// <summary>Ends when nothing more comes: everything is here, or the Put has ended, well or not.</summary>
    public Task Over => _over.Task;

    /// <summary>Cancelled when what is still on the way is not wanted any more; <see cref="CloseStatus"/> says why.</summary>
    public CancellationToken Closing => _closing.Token;

    public Status CloseStatus { get; private set; } = DirectStatus.HasEnded;

    /// <summary>The Sequence's slabs, once there is room for it; null when the call has ended before.</summary>
    public Task<BlockIntake?> Admitted => _admitted.Task;

    /// <summary>Slabs taken.</summary>
    public long SlabCount => Interlocked.Read(ref _slabCount);

    /// <summary>Their bytes.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>There is room: frames are taken from now on.</summary>
    public void Begin(BlockIntake intake) => _admitted.TrySetResult(intake);

    /// <summary>Makes the caller the one Put; false when there was one already.</summary>
    public bool TryTake()
    {
        lock (_gate)
        {
            bool isFirst = !_isTaken && !_isClosed;
            _isTaken = true;
            return isFirst;
        }
    }

    /// <summary>The Put has brought a new slab.</summary>
    /// <param name="sizeBytes">Of the slab.</param>
    /// <param name="isWhole">Whether it was the last one that the Sequence lacked.</param>
    public void Note(int sizeBytes, bool isWhole)
    {
        Interlocked.Add(ref _bytes, sizeBytes);
        Interlocked.Increment(ref _slabCount);
        if (isWhole)
        {
            lock (_gate)
            {
                _isWhole = true;
            }

            _over.TrySetResult();
        }
    }

    /// <summary>The Put has ended.</summary>
    public void Leave() => _over.TrySetResult();

    /// <summary>What has not come is read from the KvStore: the Put is ended.</summary>
    public void GiveUp() => Close(DirectStatus.ReadsFromStore);

    /// <summary>The Decode call needs nothing more. A Put that has brought everything still ends by itself.</summary>
    public void Dispose() => Close(DirectStatus.HasEnded);

    private void Close(Status status)
    {
        bool isWhole;
        lock (_gate)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            CloseStatus = status;
            isWhole = _isWhole;
        }

        if (!isWhole)
        {
            _closing.Cancel();
        }

        _admitted.TrySetResult(null);
        _over.TrySetResult();
        onClosed();
    }
}
