using KvCluster.Compression.Blocks;

namespace KvCluster.KvStore.Puts;

/// <summary>One Put call, as the tier sees it. Guarded by the tier's lock.</summary>
internal sealed class PutSession(WorkerEpoch worker, ulong epoch, BlockId owner = default)
{
    public ulong Epoch { get; } = epoch;

    /// <summary>Whose blocks it puts; all zero: nobody's.</summary>
    public BlockId Owner { get; } = owner;

    public bool IsStale => Epoch < worker.Latest;

    /// <summary>
    /// Notes the session's epoch once a verified slab names it as well. No checksum covers the epoch of the call: damaged on the way it could be one that
    /// the worker never reaches, and would shut the worker out for good.
    /// </summary>
    public void NoteWriter(in SlabHeader header)
    {
        if (header.WriterEpoch == Epoch)
        {
            worker.Note(Epoch);
        }
    }

    /// <summary>Blocks of which this Put has brought some layers and not all.</summary>
    public Dictionary<BlockId, PutBlock> OpenBlocks { get; } = [];
}
