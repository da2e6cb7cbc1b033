namespace KvCluster.Inference.Sampling;

/// <summary>Why there is no token. Anything but Ok means the forward pass produced garbage: fail the request, do not go on.</summary>
public enum SampleStatus
{
    Ok,

    /// <summary>A logit is not a number or positive infinity.</summary>
    LogitNotFinite,

    /// <summary>Every logit is negative infinity, so no token is possible.</summary>
    NoCandidate,
}
