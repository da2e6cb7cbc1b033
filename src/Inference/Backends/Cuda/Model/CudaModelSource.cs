using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Where a runner's weights come from.</summary>
/// <param name="Path">With the fingerprint it tells uploaded weights apart.</param>
/// <param name="Config">Shape.</param>
/// <param name="Tensors">Mapped weights; null: random ones, made on the device.</param>
/// <param name="Fingerprint">Of the model; of random weights also their seed.</param>
internal sealed record CudaModelSource(string Path, ModelConfig Config, SafetensorsFolder? Tensors, ulong Fingerprint)
{
    /// <summary>The weights of a folder that stays open while they are brought to the device.</summary>
    public static CudaModelSource Of(ModelFolder folder) => new(folder.Path, folder.Config, folder.Tensors, folder.Fingerprint);

    /// <summary>Random weights of a shape that is known by name.</summary>
    /// <param name="name"><c>llama3-8b</c>.</param>
    /// <param name="seed">Of the weights.</param>
    /// <exception cref="ModelLoadException">There is no such shape.</exception>
    public static CudaModelSource Synthetic(string name, ulong seed = 1) => name == "llama3-8b"
        ? new CudaModelSource($"synthetic:{name}", Llama3, null, seed)
        : throw new ModelLoadException($"There is no synthetic model '{name}'; use llama3-8b.");

    private static ModelConfig Llama3 { get; } = new()
    {
        Architecture = ModelArchitecture.Llama,
        ModelType = "llama",
        HiddenSize = 4096,
        IntermediateSize = 14336,
        LayerCount = 32,
        HeadCount = 32,
        KvHeadCount = 8,
        HeadSize = 128,
        VocabularySize = 128256,
        MaxPositionCount = 131072,
        RmsNormEpsilon = 1e-5f,
        RopeTheta = 500_000,
    };
}
