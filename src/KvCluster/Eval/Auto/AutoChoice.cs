using System.Text.Json.Serialization;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>What <c>--kv auto(accuracy=…)</c> found.</summary>
internal sealed record AutoChoice
{
    /// <summary>As asked for, canonically.</summary>
    public required string Asked { get; init; }

    /// <summary>Share of raw's mean accuracy to keep, 0 to 1.</summary>
    public required double AccuracyBound { get; init; }

    /// <summary>The smallest spec that holds the bound on all rows.</summary>
    public required string Chosen { get; init; }

    [JsonPropertyName("ratio_at_4096")]
    public required double ReferenceRatio { get; init; }

    public required double AccuracyKept { get; init; }

    /// <summary>From the smallest up.</summary>
    public required IReadOnlyList<AutoTrial> Trials { get; init; }
}
