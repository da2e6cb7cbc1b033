using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Quantization;

/// <summary>Quantises K and V apart. Payload: that of K, then that of V.</summary>
internal sealed unsafe class SegmentedQuantiser(TensorQuantiser keys, TensorQuantiser values) : LayerQuantiser(keys.Shape)
{
    public override int SizeBytes => keys.SizeBytes + values.SizeBytes;

    public override void Encode(float* latent, ReadOnlySpan<float> saliency, byte* payload)
    {
        new Span<byte>(payload, SizeBytes).Clear();
        keys.Encode(latent, payload);
        values.Encode(latent, payload + keys.SizeBytes);
    }

    public override bool IsWellFormed(ReadOnlySpan<byte> payload) =>
        keys.IsWellFormed(payload[..keys.SizeBytes]) && values.IsWellFormed(payload[keys.SizeBytes..]);

    public override void Decode(byte* payload, float* latent)
    {
        keys.Decode(payload, latent);
        values.Decode(payload + keys.SizeBytes, latent);
    }

    public override void Scores(int head, byte* payload, float* queries, int queryStride, int queryCount, float* scores) =>
        keys.Multiply(head, payload, queries, queryStride, queryCount, scores, Blocks.KvGeometry.BlockTokenCount);

    public override void AddValues(int head, byte* payload, float* weights, int queryCount, float* output, int outputStride) =>
        values.Multiply(head, payload + keys.SizeBytes, weights, Blocks.KvGeometry.BlockTokenCount, queryCount, output, outputStride);
}
