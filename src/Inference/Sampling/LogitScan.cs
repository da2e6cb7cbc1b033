using System.Numerics.Tensors;

namespace KvCluster.Inference.Sampling;

/// <summary>Passes over all logits.</summary>
internal static class LogitScan
{
    /// <summary>The largest logit; finite when <paramref name="status"/> is Ok. Negative infinity is a legal logit: a masked token.</summary>
    public static float FindMax(ReadOnlySpan<float> logits, out SampleStatus status)
    {
        if (logits.IsEmpty)
        {
            status = SampleStatus.NoCandidate;
            return float.NaN;
        }

        // Max propagates NaN, so one pass finds both.
        var max = TensorPrimitives.Max(logits);
        status = float.IsNaN(max) || float.IsPositiveInfinity(max) ? SampleStatus.LogitNotFinite
            : float.IsNegativeInfinity(max) ? SampleStatus.NoCandidate
            : SampleStatus.Ok;
        return max;
    }

    /// <summary>Lowest index of a value known to be there. IndexOfMax would rank +0 above -0 and so break a tie by sign.</summary>
    public static int IndexOfFirst(ReadOnlySpan<float> logits, float value) => logits.IndexOf(value);
}
