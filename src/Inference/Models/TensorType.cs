namespace KvCluster.Inference.Models;

/// <summary>Element types of safetensors that the engine reads.</summary>
public enum TensorType
{
    BF16,
    F16,
    F32,
}
