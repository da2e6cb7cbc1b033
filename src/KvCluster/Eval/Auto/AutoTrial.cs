using System.Text.Json.Serialization;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>One candidate of a search.</summary>
/// <param name="KvSpec">The candidate.</param>
/// <param name="ReferenceRatio">16-bit bytes over its bytes at prompts of 4,096 tokens.</param>
/// <param name="Verdict">What became of it.</param>
internal sealed record AutoTrial(
    string KvSpec, [property: JsonPropertyName("ratio_at_4096")] double ReferenceRatio, AutoVerdict Verdict)
{
    /// <summary>From <c>raw</c> on a few prompts, nats a token; null when it was not looked at.</summary>
    public double? KlDivergence { get; init; }

    /// <summary>Of raw's accuracy on the sample that refused it; null when none did.</summary>
    public double? SampleKept { get; init; }

    /// <summary>Of raw's accuracy on all rows; null when it was not tried there.</summary>
    public double? AccuracyKept { get; init; }
}
