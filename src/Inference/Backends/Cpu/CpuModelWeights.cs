using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// A model's weights, packed for the CPU. Packed once a process and model folder: <see cref="Acquire"/> hands out the same
/// instance until the last user has released it.
/// </summary>
internal sealed class CpuModelWeights
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<(string Path, ulong Fingerprint), CpuModelWeights> Packed = [];

    private readonly (string Path, ulong Fingerprint) _key;
    private int _userCount;

    private CpuModelWeights((string Path, ulong Fingerprint) key, CpuModelSource source, ComputePool pool)
    {
        _key = key;
        ModelConfig config = source.Config;
        Layers = new CpuLayerWeights[config.LayerCount];
        for (int layer = 0; layer < Layers.Length; layer++)
        {
            Layers[layer] = new CpuLayerWeights(config, source.Tensors, layer, pool);
        }

        FinalNorm = CpuLayerWeights.ReadVector(source.Tensors, "model.norm.weight", config.HiddenSize);
        string head = config.TieWordEmbeddings ? EmbeddingName : "lm_head.weight";
        Head = MatrixPacker.Pack(pool, source.Tensors.GetTensor(head).Expect(config.VocabularySize, config.HiddenSize));
    }

    public const string EmbeddingName = "model.embed_tokens.weight";

    public CpuLayerWeights[] Layers { get; }

    public float[] FinalNorm { get; }

    /// <summary>Hidden to vocabulary.</summary>
    public PackedMatrix Head { get; }

    public long SizeBytes => Head.SizeBytes + Layers.Sum(layer => layer.SizeBytes);

    /// <exception cref="ModelLoadException">A tensor is missing or has another shape.</exception>
    public static CpuModelWeights Acquire(CpuModelSource source, ComputePool pool)
    {
        var key = (Path.GetFullPath(source.Path), source.Fingerprint);
        lock (Gate)
        {
            if (!Packed.TryGetValue(key, out CpuModelWeights? weights))
            {
                weights = new CpuModelWeights(key, source, pool);
                Packed.Add(key, weights);
            }

            weights._userCount++;
            return weights;
        }
    }

    public void Release()
    {
        lock (Gate)
        {
            if (--_userCount > 0)
            {
                return;
            }

            Packed.Remove(_key);
        }

        foreach (CpuLayerWeights layer in Layers)
        {
            layer.Dispose();
        }

        Head.Dispose();
    }
}
