namespace KvCluster.Inference.Sampling;

/// <param name="Field">Name of the field as in the APIs, e.g. <c>top_p</c>.</param>
/// <param name="Message">What is wrong with the value and what is allowed.</param>
public sealed record SamplingError(string Field, string Message);
