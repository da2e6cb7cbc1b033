using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends;

/// <summary>Runs a model's forward pass over sequences with a paged, encoded KV cache. One call at a time.</summary>
public interface IModelRunner : IDisposable
{
    ModelConfig Config { get; }

    /// <summary>Encodes the sealed Blocks of every Sequence.</summary>
    KvCodec Codec { get; }

    KvGeometry Geometry { get; }

    ulong ModelFingerprint { get; }

    int VocabularySize { get; }

    /// <summary>
    /// Computes all entries: appends their tokens to their caches, seals what fills up, and leaves logits in the batch.
    /// What goes wrong with one entry is in <see cref="StepBatch.Failure"/> and does not touch the others.
    /// </summary>
    void Forward(StepBatch batch);
}
