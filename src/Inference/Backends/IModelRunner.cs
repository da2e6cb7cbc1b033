using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends;

/// <summary>Runs a model's forward pass over sequences with a paged, encoded KV cache. One call at a time.</summary>
public interface IModelRunner : IDisposable
{
    public ModelConfig Config { get; }

    /// <summary>Encodes the sealed Blocks of every Sequence.</summary>
    public KvCodec Codec { get; }

    public KvGeometry Geometry { get; }

    public ulong ModelFingerprint { get; }

    public int VocabularySize { get; }

    /// <summary>Attention is on what the codec decodes of a sealed Block, in 16 bits, and not on its encoded form, which the runner does not read.</summary>
    public bool AttendsDecoded => false;

    /// <summary>What the device holds of KV; null: KV is in the host's memory alone.</summary>
    public DevicePages? Pages => null;

    /// <summary>A step that takes longer means that the device hangs; null: a step takes as long as it takes.</summary>
    public TimeSpan? StepLimit => null;

    /// <summary>Begins to bring a Sequence's Blocks to the device before it runs; null: steps do that, or there is nothing to do.</summary>
    /// <param name="blockCount">Blocks that may come, within what admission has kept for the Sequence.</param>
    public IBlockUpload? BeginUpload(int blockCount) => null;

    /// <summary>
    /// Computes all entries: appends their tokens to their caches, seals what fills up, and leaves logits in the batch.
    /// What goes wrong with one entry is in <see cref="StepBatch.Failure"/> and does not touch the others.
    /// </summary>
    /// <exception cref="DeviceLostException">Neither this nor any other step will succeed.</exception>
    public void Forward(StepBatch batch);

    /// <summary>A step hangs: no other will come, and disposal waits for nothing of the device, which the process gives back when it ends. From any thread.</summary>
    public void Abandon()
    {
    }
}
