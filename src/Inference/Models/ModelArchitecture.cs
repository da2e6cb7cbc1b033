namespace KvCluster.Inference.Models;

/// <summary>The decoder families the engine runs; all share the Llama block and differ in biases and norms.</summary>
public enum ModelArchitecture
{
    Llama,
    Mistral,

    /// <summary>Adds biases to the q, k and v projections.</summary>
    Qwen2,

    /// <summary>Adds an RMS norm over each query and key head before RoPE.</summary>
    Qwen3,
}
