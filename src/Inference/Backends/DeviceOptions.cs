namespace KvCluster.Inference.Backends;

/// <summary>How a runner uses its GPU.</summary>
/// <param name="PageShare">Of the memory that is free beside the weights, the share that pages of KV get: above 0, at most 1.</param>
/// <param name="StepLimit">A step that takes longer means that the device hangs. Zero: no step does.</param>
public sealed record DeviceOptions(double PageShare, TimeSpan StepLimit)
{
    /// <summary>The rest is for what steps compute with, which grows with their rows.</summary>
    public const double DefaultPageShare = 0.9;

    /// <summary>Far more than a step takes, also the first, which tries out plans of its matrix products.</summary>
    public const int DefaultStepTimeoutMs = 120_000;

    public static DeviceOptions Default { get; } = new(DefaultPageShare, TimeSpan.FromMilliseconds(DefaultStepTimeoutMs));
}
