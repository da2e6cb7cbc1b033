namespace KvCluster.Inference.Engine;

/// <summary>Why a Sequence is turned away instead of waiting.</summary>
public enum AdmissionRefusal
{
    None,

    /// <summary>Needs more KV than the whole budget.</summary>
    NeverFits,

    /// <summary>As many wait as may.</summary>
    QueueFull,
}
