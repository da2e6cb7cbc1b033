using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>Attention of one query a Sequence on its Blocks, for one codec and geometry.</summary>
internal interface IDecodeAttention : IDisposable
{
    /// <summary>Parts into which the work of a step is cut at most; <see cref="AttentionWork.ChunkCount"/> must be this or less.</summary>
    public int ChunkCount { get; }

    /// <summary>Entries that an open Block counts for.</summary>
    public int OpenWeight { get; }

    /// <summary>Room that a step of so many Sequences needs for <see cref="AttentionWork.Partials"/>, <see cref="AttentionWork.States"/> and of its own.</summary>
    public (long Partials, long States, long Scratch) RoomBytes(int sequenceCount);

    /// <summary>Queues the step in one layer; with no Sequences, nothing.</summary>
    /// <param name="stream">Queues it.</param>
    /// <param name="layer">Index of the layer.</param>
    /// <param name="work">The step in that layer.</param>
    /// <param name="scratch">Room of its own, at a multiple of 256 bytes.</param>
    /// <param name="isSealedStable">The kernel ahead in the stream does not write sealed Blocks.</param>
    public void Launch(CudaStream stream, int layer, in AttentionWork work, ulong scratch, bool isSealedStable);
}
