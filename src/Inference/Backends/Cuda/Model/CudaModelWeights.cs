using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Addresses of one decoder layer's weights; matrices [outputs][inputs] in bf16, vectors in 32 bits; 0: the model has none.</summary>
internal sealed record CudaLayerWeights(
    ulong AttentionNorm,
    ulong QueryKeyValue,
    ulong QueryKeyValueBias,
    ulong QueryNorm,
    ulong KeyNorm,
    ulong AttentionOutput,
    ulong AttentionOutputBias,
    ulong MlpNorm,
    ulong GateUp,
    ulong GateUpBias,
    ulong Down,
    ulong DownBias);

/// <summary>
/// A model's weights on the device, there once a process: <see cref="Acquire"/> hands out the same instance until the last user has released it.
/// Widths of the MLP and the vocabulary are padded with zeros to multiples of <see cref="Padding"/>.
/// </summary>
internal sealed class CudaModelWeights
{
    public const int Padding = 64;
    private const string EmbeddingName = "model.embed_tokens.weight";

    private static readonly Lock Gate = new();
    private static readonly Dictionary<(string Path, ulong Fingerprint), CudaModelWeights> Uploaded = [];

    private readonly (string Path, ulong Fingerprint) _key;
    private readonly IReadOnlyList<DeviceMemory> _memory;
    private int _userCount;

    private CudaModelWeights((string Path, ulong Fingerprint) key, CudaModelSource source, ModelKernels kernels)
    {
        _key = key;
        ModelConfig config = source.Config;
        using var stream = new CudaStream();
        var upload = new WeightUpload(source, kernels, stream);
        _memory = upload.Memory;
        try
        {
            PaddedVocabularySize = Pad(config.VocabularySize);
            PaddedIntermediateSize = Pad(config.IntermediateSize);
            Layers = [.. Enumerable.Range(0, config.LayerCount).Select(layer => Layer(config, upload, layer))];
            FinalNorm = upload.Vector("model.norm.weight", config.HiddenSize);
            Embedding = Vocabulary(config, upload, EmbeddingName);
            Head = config.TieWordEmbeddings ? Embedding : Vocabulary(config, upload, "lm_head.weight");
            Rotation = upload.Copy(RotationOf(config));
            stream.Synchronize();
        }
        catch
        {
            Free();
            throw;
        }
    }

    public IReadOnlyList<CudaLayerWeights> Layers { get; }

    public ulong FinalNorm { get; }

    public ulong Embedding { get; }

    /// <summary>[padded vocabulary][hidden].</summary>
    public ulong Head { get; }

    /// <summary>[positions][half a head]: cosine, sine.</summary>
    public ulong Rotation { get; }

    public int PaddedVocabularySize { get; }

    public int PaddedIntermediateSize { get; }

    public long SizeBytes => _memory.Sum(memory => memory.SizeBytes);

    /// <exception cref="ModelLoadException">A tensor is missing or has another shape.</exception>
    /// <exception cref="CudaException">The device has no room.</exception>
    public static CudaModelWeights Acquire(CudaModelSource source, ModelKernels kernels)
    {
        (string, ulong) key = (source.Tensors is null ? source.Path : Path.GetFullPath(source.Path), source.Fingerprint);
        lock (Gate)
        {
            if (!Uploaded.TryGetValue(key, out CudaModelWeights? weights))
            {
                weights = new CudaModelWeights(key, source, kernels);
                Uploaded.Add(key, weights);
            }

            weights._userCount++;
            return weights;
        }
    }

    public void Release()
    {
        lock (Gate)
        {
            if (--_userCount == 0)
            {
                Uploaded.Remove(_key);
                Free();
            }
        }
    }

    private static int Pad(int width) => (width + Padding - 1) / Padding * Padding;

    private static CudaLayerWeights Layer(ModelConfig c, WeightUpload upload, int layer)
    {
        string prefix = $"model.layers.{layer}.", attention = prefix + "self_attn.", mlp = prefix + "mlp.";
        int queryWidth = c.HeadCount * c.HeadSize, kvWidth = c.KvHeadCount * c.HeadSize, padded = Pad(c.IntermediateSize);
        return new CudaLayerWeights(
            upload.Vector(prefix + "input_layernorm.weight", c.HiddenSize),
            Matrix(upload, c.HiddenSize, c.HiddenSize, (attention + "q_proj", queryWidth, queryWidth), (attention + "k_proj", kvWidth, kvWidth), (attention + "v_proj", kvWidth, kvWidth)),
            c.AttentionBias
                ? upload.Biases((attention + "q_proj.bias", queryWidth, queryWidth), (attention + "k_proj.bias", kvWidth, kvWidth), (attention + "v_proj.bias", kvWidth, kvWidth))
                : 0,
            c.QkNorm ? upload.Vector(attention + "q_norm.weight", c.HeadSize) : 0,
            c.QkNorm ? upload.Vector(attention + "k_norm.weight", c.HeadSize) : 0,
            Matrix(upload, queryWidth, queryWidth, (attention + "o_proj", c.HiddenSize, c.HiddenSize)),
            c.AttentionOutputBias ? upload.Biases((attention + "o_proj.bias", c.HiddenSize, c.HiddenSize)) : 0,
            upload.Vector(prefix + "post_attention_layernorm.weight", c.HiddenSize),
            Matrix(upload, c.HiddenSize, c.HiddenSize, (mlp + "gate_proj", c.IntermediateSize, padded), (mlp + "up_proj", c.IntermediateSize, padded)),
            c.MlpBias ? upload.Biases((mlp + "gate_proj.bias", c.IntermediateSize, padded), (mlp + "up_proj.bias", c.IntermediateSize, padded)) : 0,
            Matrix(upload, c.IntermediateSize, padded, (mlp + "down_proj", c.HiddenSize, c.HiddenSize)),
            c.MlpBias ? upload.Biases((mlp + "down_proj.bias", c.HiddenSize, c.HiddenSize)) : 0);
    }

    /// <summary>Matrices one below another, each padded to a number of rows.</summary>
    private static ulong Matrix(WeightUpload upload, int columns, int stride, params ReadOnlySpan<(string Name, int Rows, int PaddedRows)> parts)
    {
        long rows = 0;
        foreach ((_, _, int paddedRows) in parts)
        {
            rows += paddedRows;
        }

        ulong start = upload.Zeroed(rows * stride * sizeof(ushort));
        ulong to = start;
        foreach ((string name, int partRows, int paddedRows) in parts)
        {
            upload.Matrix(to, stride, name + ".weight", partRows, columns);
            to += (ulong)paddedRows * (ulong)stride * sizeof(ushort);
        }

        return start;
    }

    private static ulong Vocabulary(ModelConfig config, WeightUpload upload, string name)
    {
        ulong to = upload.Zeroed((long)Pad(config.VocabularySize) * config.HiddenSize * sizeof(ushort));
        upload.Matrix(to, config.HiddenSize, name, config.VocabularySize, config.HiddenSize);
        return to;
    }

    private static float[] RotationOf(ModelConfig config)
    {
        float[] frequencies = RopeFrequencies.Compute(config);
        float[] rotation = new float[2L * config.MaxPositionCount * frequencies.Length];
        Parallel.For(0, config.MaxPositionCount, position =>
        {
            for (int i = 0; i < frequencies.Length; i++)
            {
                int at = 2 * ((position * frequencies.Length) + i);
                (rotation[at + 1], rotation[at]) = MathF.SinCos(position * frequencies[i]);
            }
        });
        return rotation;
    }

    private void Free()
    {
        foreach (DeviceMemory memory in _memory)
        {
            memory.Dispose();
        }
    }
}
