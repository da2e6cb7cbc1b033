using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Codecs;

/// <summary>
/// The quantiser stage for one layer: latent K and V of a Block (order: <see cref="LatentShape"/>) to bytes of a fixed number, and attention on
/// those bytes. Immutable and safe to use from many threads.
/// </summary>
/// <remarks>
/// A score, and an element of an output, is one chain of fused multiply-adds in ascending order of channel, or of token, for every number of
/// queries and instruction set. Latent input is finite.
/// </remarks>
internal abstract unsafe class LayerQuantiser(LatentShape shape)
{
    public LatentShape Shape { get; } = shape;

    /// <summary>Bytes that <see cref="Encode"/> writes, always all of them.</summary>
    public abstract int SizeBytes { get; }

    /// <summary>Whether <see cref="Encode"/> wants a saliency for each of the 64 tokens; else it gets none.</summary>
    public virtual bool NeedsSaliency => false;

    /// <summary>Tokens that are stored.</summary>
    public virtual int TokenCount => KvGeometry.BlockTokenCount;

    /// <summary>Where the set of tokens that are stored first is; −1: they are stored in their order.</summary>
    public virtual int ChosenOffset => -1;

    /// <summary>Where the codes of a latent head's K are.</summary>
    public abstract IReadOnlyList<CodeRun> KeyRuns(int head);

    /// <summary>Where the codes of a latent head's V are.</summary>
    public abstract IReadOnlyList<CodeRun> ValueRuns(int head);

    public abstract void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload);

    /// <summary>Whether bytes of verified checksum have the structure that this quantiser reads; after it nothing reads outside of them.</summary>
    /// <param name="payload"><see cref="SizeBytes"/> bytes.</param>
    public abstract bool IsWellFormed(ReadOnlySpan<byte> payload);

    /// <summary>The plain way, token by token in their order.</summary>
    public abstract void Decode(byte* payload, float* latent);

    /// <summary>Asks for the bytes that <see cref="Scores"/> will read.</summary>
    public virtual void PrefetchKeys(int head, byte* payload)
    {
    }

    /// <summary>Asks for the bytes that <see cref="AddValues"/> will read.</summary>
    public virtual void PrefetchValues(int head, byte* payload)
    {
    }

    /// <summary>scores[count][64] = queries[count][stride]·K of a latent head, over its KeySize channels.</summary>
    public abstract void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores);

    /// <summary>output[count][stride] += weights[count][64]·V of a latent head, over its ValueSize channels.</summary>
    public abstract void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride);
}
