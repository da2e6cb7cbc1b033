using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Codecs.Tables;

namespace KvCluster.Compression.Quantization;

/// <summary>Quantises K, or V, of one layer: half of a <see cref="SegmentedQuantiser"/>. Tokens are in the order in which they are stored.</summary>
/// <param name="shape">The whole layer.</param>
internal abstract unsafe class TensorQuantiser(LatentShape shape)
{
    protected const int Tokens = KvGeometry.BlockTokenCount;

    /// <summary>Widths of vector loads of codes stay within cache lines.</summary>
    private const int Alignment = 16;

    public LatentShape Shape { get; } = shape;

    /// <summary>Bytes that <see cref="Encode"/> writes; a multiple of 16.</summary>
    public abstract int SizeBytes { get; }

    /// <summary>Where the codes of a head are, in a payload in which this tensor begins at <paramref name="start"/>.</summary>
    public abstract IReadOnlyList<CodeRun> Runs(int head, int start);

    /// <param name="latent">The whole layer.</param>
    /// <param name="payload">Of this tensor; all zero.</param>
    public abstract void Encode(float* latent, byte* payload);

    /// <inheritdoc cref="LayerQuantiser.IsWellFormed"/>
    public abstract bool IsWellFormed(ReadOnlySpan<byte> payload);

    public abstract void Decode(byte* payload, float* latent);

    /// <summary>Asks for the bytes that <see cref="Multiply"/> will read.</summary>
    public virtual void Prefetch(int head, byte* payload)
    {
    }

    /// <summary>Of K: Y = X·K. Of V: Y += X·V.</summary>
    /// <param name="head">A latent head.</param>
    /// <param name="payload">Of this tensor.</param>
    /// <param name="x">Rows of queries, or of weights.</param>
    /// <param name="xStride">Floats from row to row.</param>
    /// <param name="rowCount">How many.</param>
    /// <param name="y">Rows of scores, or of outputs.</param>
    /// <param name="yStride">Floats from row to row.</param>
    public abstract void Multiply(int head, byte* payload, float* x, int xStride, int rowCount, float* y, int yStride);

    protected static int Align(int sizeBytes) => (sizeBytes + Alignment - 1) & -Alignment;
}
