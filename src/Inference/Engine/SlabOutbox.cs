using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Engine;

/// <summary>
/// Slabs of one Sequence between the compute thread, which never waits here, and whoever sends them. Back-pressure is
/// <see cref="IsFull"/>: a scheduler that finds an outbox full leaves its Sequence out of the step, so at most one chunk comes on
/// top of the limit.
/// </summary>
public sealed class SlabOutbox(long limitBytes) : ISlabSink, IDisposable
{
    private readonly Channel<OutgoingSlab> _slabs =
        Channel.CreateUnbounded<OutgoingSlab>(new UnboundedChannelOptions { SingleReader = true });

    private long _queuedBytes;

    public bool IsFull => Interlocked.Read(ref _queuedBytes) >= limitBytes;

    public long QueuedBytes => Interlocked.Read(ref _queuedBytes);

    public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer) =>
        Post(new OutgoingSlab(block.BlockId, layer, block.Slab(layer)!.Share(), IsTransient: false));

    /// <summary>Takes the lease over, also when the outbox is closed already.</summary>
    public void Post(OutgoingSlab slab)
    {
        if (!TryPost(slab))
        {
            slab.Slab.Dispose();
        }
    }

    /// <summary>Takes the lease over, unless the outbox is closed.</summary>
    public bool TryPost(OutgoingSlab slab)
    {
        var size = slab.Slab.SizeBytes;
        Interlocked.Add(ref _queuedBytes, size);
        var isTaken = _slabs.Writer.TryWrite(slab);
        if (!isTaken)
        {
            Interlocked.Add(ref _queuedBytes, -size);
        }

        return isTaken;
    }

    /// <summary>Nothing more comes; what is queued can still be taken.</summary>
    public void Close() => _slabs.Writer.TryComplete();

    /// <summary>Waits for a slab; false when there will be none.</summary>
    public ValueTask<bool> WaitAsync(CancellationToken cancellationToken) => _slabs.Reader.WaitToReadAsync(cancellationToken);

    /// <summary>Takes the next slab, and with it its lease.</summary>
    public bool TryTake([MaybeNullWhen(false)] out OutgoingSlab slab)
    {
        if (!_slabs.Reader.TryRead(out slab))
        {
            return false;
        }

        Interlocked.Add(ref _queuedBytes, -slab.Slab.SizeBytes);
        return true;
    }

    /// <summary>Closes, and drops what is queued.</summary>
    public void Dispose()
    {
        Close();
        while (TryTake(out var slab))
        {
            slab.Slab.Dispose();
        }
    }
}
