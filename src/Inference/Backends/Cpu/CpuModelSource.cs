using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>What a runner needs of a model folder.</summary>
/// <param name="Path">Where the weights are; with the fingerprint it tells packed weights apart.</param>
/// <param name="Config">Shape.</param>
/// <param name="Tensors">Mapped weights, open as long as the runner.</param>
/// <param name="Fingerprint">Of the model.</param>
internal sealed record CpuModelSource(string Path, ModelConfig Config, SafetensorsFolder Tensors, ulong Fingerprint);
