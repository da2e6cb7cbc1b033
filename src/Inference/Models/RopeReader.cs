using System.Text.Json;

namespace KvCluster.Inference.Models;

/// <summary>
/// Reads RoPE settings: the newer <c>rope_parameters</c> object, or <c>rope_theta</c> and <c>rope_scaling</c> at the top.
/// </summary>
internal static class RopeReader
{
    public static double ReadTheta(JsonFields json)
    {
        var theta = json.Positive("rope_theta", 10_000);
        return Find(json, "rope_parameters") is { } parameters ? parameters.Positive("rope_theta", theta) : theta;
    }

    public static RopeScaling ReadScaling(JsonFields json, int maxPositionCount)
    {
        var found = Find(json, "rope_parameters") ?? Find(json, "rope_scaling");
        if (found is not { } fields)
        {
            return RopeScaling.None;
        }

        var name = fields.Text("rope_type") ?? fields.Text("type") ?? "default";
        var kind = name switch
        {
            "default" => RopeScalingKind.None,
            "linear" => RopeScalingKind.Linear,
            "dynamic" => RopeScalingKind.Dynamic,
            "llama3" => RopeScalingKind.Llama3,
            "yarn" => RopeScalingKind.Yarn,
            _ => throw fields.Error("rope_type", $"'{name}' is not supported; supported are default, linear and llama3"),
        };
        if (!RopeFrequencies.IsSupported(kind))
        {
            throw fields.Error("rope_type", $"'{name}' is not supported; supported are default, linear and llama3");
        }

        if (kind == RopeScalingKind.None)
        {
            return RopeScaling.None;
        }

        var scaling = new RopeScaling
        {
            Kind = kind,
            Factor = fields.Positive("factor", 1),
            LowFrequencyFactor = fields.Positive("low_freq_factor", 1),
            HighFrequencyFactor = fields.Positive("high_freq_factor", 4),
            OriginalMaxPositionCount = fields.Has("original_max_position_embeddings")
                ? fields.Dimension("original_max_position_embeddings", int.MaxValue)
                : maxPositionCount,
        };
        return kind != RopeScalingKind.Llama3 || scaling.HighFrequencyFactor > scaling.LowFrequencyFactor
            ? scaling
            : throw fields.Error("high_freq_factor", "must be above low_freq_factor");
    }

    private static JsonFields? Find(JsonFields json, string name) =>
        json.TryGet(name, out var value) && value.ValueKind == JsonValueKind.Object ? json.Inner(name, value) : null;
}
