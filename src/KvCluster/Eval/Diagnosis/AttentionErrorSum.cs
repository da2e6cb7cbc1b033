using System.Numerics.Tensors;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;

namespace KvCluster.CommandLine.Eval.Diagnosis;

/// <summary>
/// Error that a codec adds to attention, by layer and apart from all other layers: the queries of the reference's tokens attend to the sealed Blocks
/// of the prompt in 16 bits, o, and as the codec keeps the same K and V, ô. The error is ‖ô − o‖ / ‖o‖ (Frobenius) over all queries, heads and prompts.
/// </summary>
/// <remarks>
/// Queries and K, V are those of the run on <c>raw</c>. The query's own Block, which is always in 16 bits, is left out: with it every error would be
/// smaller by as much as attention goes there.
/// </remarks>
internal sealed class AttentionErrorSum(int layerCount)
{
    private readonly double[] _errors = new double[layerCount];
    private readonly double[] _norms = new double[layerCount];

    /// <summary>By layer; empty when nothing was added.</summary>
    public IReadOnlyList<double> Relative =>
        _norms.All(norm => norm > 0) ? [.. _errors.Zip(_norms, (error, norm) => Math.Sqrt(error / norm))] : [];

    /// <summary>Adds the queries of one prompt.</summary>
    /// <param name="contrast">The codec of the run.</param>
    /// <param name="raw">The exact attention.</param>
    /// <param name="other">The attention on the other's payloads.</param>
    /// <param name="attention">Heard from the run.</param>
    public void Add(ContrastCodec contrast, RawCodec raw, KvCodec other, CapturedAttention attention)
    {
        IReadOnlyList<KvBlock> blocks = attention.Blocks;
        var exact = new EncodedAttention(raw);
        var encoded = new EncodedAttention(other);
        foreach ((int layer, int kvHead, float[] rows) in attention.Queries)
        {
            float[] expected = new float[rows.Length];
            float[] actual = new float[rows.Length];
            exact.Attend(layer, [kvHead], blocks.Count, block => contrast.RawPayload(blocks[block].Payload(layer)), rows, expected);
            encoded.Attend(layer, [kvHead], blocks.Count, block => contrast.OtherPayload(blocks[block].Payload(layer)), rows, actual);
            _norms[layer] += TensorPrimitives.SumOfSquares<float>(expected);
            TensorPrimitives.Subtract(actual, expected, actual);
            _errors[layer] += TensorPrimitives.SumOfSquares<float>(actual);
        }
    }
}
