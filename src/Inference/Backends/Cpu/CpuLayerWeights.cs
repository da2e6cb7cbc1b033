using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>Packed weights of one decoder layer.</summary>
internal sealed class CpuLayerWeights : IDisposable
{
    public CpuLayerWeights(ModelConfig config, SafetensorsFolder tensors, int layer, ComputePool pool)
    {
        string prefix = $"model.layers.{layer}.";
        int hidden = config.HiddenSize;
        int queryWidth = config.HeadCount * config.HeadSize;
        int kvWidth = config.KvHeadCount * config.HeadSize;
        AttentionNorm = ReadVector(tensors, prefix + "input_layernorm.weight", hidden);
        MlpNorm = ReadVector(tensors, prefix + "post_attention_layernorm.weight", hidden);
        if (config.QkNorm)
        {
            QueryNorm = ReadVector(tensors, prefix + "self_attn.q_norm.weight", config.HeadSize);
            KeyNorm = ReadVector(tensors, prefix + "self_attn.k_norm.weight", config.HeadSize);
        }

        bool attentionBias = config.AttentionBias;
        QueryKeyValue = Pack(
            tensors, pool, attentionBias, hidden, (prefix + "self_attn.q_proj", queryWidth), (prefix + "self_attn.k_proj", kvWidth), (prefix + "self_attn.v_proj", kvWidth));
        AttentionOutput = Pack(tensors, pool, config.AttentionOutputBias, queryWidth, (prefix + "self_attn.o_proj", hidden));
        GateUp = Pack(
            tensors, pool, config.MlpBias, hidden, (prefix + "mlp.gate_proj", config.IntermediateSize), (prefix + "mlp.up_proj", config.IntermediateSize));
        Down = Pack(tensors, pool, config.MlpBias, config.IntermediateSize, (prefix + "mlp.down_proj", hidden));
    }

    public float[] AttentionNorm { get; }

    public float[] MlpNorm { get; }

    /// <summary>Per query head before RoPE; null without.</summary>
    public float[]? QueryNorm { get; }

    /// <summary>Per key head before RoPE; null without.</summary>
    public float[]? KeyNorm { get; }

    /// <summary>q of all heads, k of all KV heads, v of all KV heads.</summary>
    public PackedMatrix QueryKeyValue { get; }

    public PackedMatrix AttentionOutput { get; }

    /// <summary>gate, padded to whole panels, then up.</summary>
    public PackedMatrix GateUp { get; }

    public PackedMatrix Down { get; }

    public long SizeBytes => QueryKeyValue.SizeBytes + AttentionOutput.SizeBytes + GateUp.SizeBytes + Down.SizeBytes;

    public void Dispose()
    {
        QueryKeyValue.Dispose();
        AttentionOutput.Dispose();
        GateUp.Dispose();
        Down.Dispose();
    }

    internal static float[] ReadVector(SafetensorsFolder tensors, string name, int length)
    {
        var vector = new float[length];
        tensors.GetTensor(name).Expect(length).ReadAsSingle(vector);
        return vector;
    }

    private static PackedMatrix Pack(
        SafetensorsFolder tensors, ComputePool pool, bool hasBias, int depth, params ReadOnlySpan<(string Name, int Columns)> projections)
    {
        var parts = new TensorView[projections.Length];
        var biases = new TensorView?[projections.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = tensors.GetTensor(projections[i].Name + ".weight").Expect(projections[i].Columns, depth);
            biases[i] = hasBias ? tensors.GetTensor(projections[i].Name + ".bias") : null;
        }

        PackedMatrix matrix = MatrixPacker.Pack(pool, parts);
        matrix.Bias = MatrixPacker.PackBias(biases, parts);
        return matrix;
    }
}
