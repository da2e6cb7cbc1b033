using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;

namespace KvCluster.PrefillWorker.Engine;

/// <summary>
/// The slabs of one prompt on their ways: to the KvStore and, handed over directly, to the decode worker too. Neither way waits for the other; the
/// compute thread waits for neither.
/// </summary>
/// <param name="limitBytes">Unsent bytes of one way from which on the Sequence sits out steps.</param>
/// <param name="isDirect">Whether a decode worker takes them.</param>
internal sealed class PrefillOutbox(long limitBytes, bool isDirect) : ISlabSink, IDisposable
{
    public SlabOutbox Store { get; } = new(limitBytes);

    /// <summary>Null when no decode worker takes slabs directly. Closed by its sender when it gives up: then nothing waits there.</summary>
    public SlabOutbox? Direct { get; } = isDirect ? new SlabOutbox(limitBytes) : null;

    public bool IsFull => Store.IsFull || Direct is { IsFull: true };

    public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer)
    {
        Direct?.OnSlabSealed(cache, block, layer);
        Store.OnSlabSealed(cache, block, layer);
    }

    /// <summary>A layer of the Tail, which only the decode worker needs: it goes one way, through the KvStore when the other was given up.</summary>
    public void PostTail(OutgoingSlab slab)
    {
        if (Direct?.TryPost(slab) != true)
        {
            Store.Post(slab);
        }
    }

    /// <summary>Nothing more comes; what is queued is still sent.</summary>
    public void Close()
    {
        Direct?.Close();
        Store.Close();
    }

    public void Dispose()
    {
        Direct?.Dispose();
        Store.Dispose();
    }
}
