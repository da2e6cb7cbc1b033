namespace KvCluster.Inference.Engine;

/// <summary>Whether, and why, a Sequence has ended.</summary>
public enum SequenceEnd
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>An end token of the model or a stop token.</summary>
    Stop,

    /// <summary>The most tokens asked for, the last forced token, or the model's context.</summary>
    Length,
}
