namespace KvCluster.Inference.Models;

/// <summary>The RoPE scaling of config.json as data; <see cref="RopeFrequencies"/> says which kinds can be computed.</summary>
public sealed record RopeScaling
{
    public static RopeScaling None { get; } = new();

    public RopeScalingKind Kind { get; init; }

    /// <summary>Context extension factor, at least 1; 1 without scaling.</summary>
    public double Factor { get; init; } = 1;

    /// <summary>llama3: wavelengths longer than original/low are divided by the factor.</summary>
    public double LowFrequencyFactor { get; init; } = 1;

    /// <summary>llama3: wavelengths shorter than original/high are kept.</summary>
    public double HighFrequencyFactor { get; init; } = 4;

    /// <summary>Positions of the original training; 0 when config.json does not say.</summary>
    public int OriginalMaxPositionCount { get; init; }
}
