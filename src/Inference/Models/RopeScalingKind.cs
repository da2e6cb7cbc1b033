namespace KvCluster.Inference.Models;

/// <summary>How RoPE frequencies are stretched for longer contexts; names as in config.json's <c>rope_type</c>.</summary>
public enum RopeScalingKind
{
    None,
    Linear,
    Dynamic,
    Llama3,
    Yarn,
}
