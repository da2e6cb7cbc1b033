using KvCluster.Compression.Blocks;
using KvCluster.Compression.Calibration;
using KvCluster.Compression.Numerics;
using KvCluster.Compression.Projection;
using KvCluster.Compression.Saliency;

namespace KvCluster.Compression.Codecs;

/// <summary>The codecs that specs can name.</summary>
public static class CodecRegistry
{
    private static readonly KvGeometry AnyGeometry = new(1, 1, 64);

    /// <summary>For help texts and messages.</summary>
    public static IReadOnlyList<string> ValidSpecs { get; } = [.. CodecMethods.All.Select(method => method.Name)];

    /// <summary>The canonical spelling of a spec, checked as far as that goes without a model and its Profiles.</summary>
    /// <exception cref="CodecSpecException">The spec is malformed, or names a method or parameter that does not exist.</exception>
    public static string Canonical(string spec)
    {
        CodecPlan plan = CodecPlan.Make(CodecSpec.Parse(spec), spec);
        if (plan.ProfileSpec is null)
        {
            Build(plan, AnyGeometry, null, SimdPaths.Best);
        }

        return plan.Spec;
    }

    /// <summary>The stages of a spec for which a Profile is needed, spelled canonically; null when none is.</summary>
    /// <exception cref="CodecSpecException">As for <see cref="Canonical"/>.</exception>
    public static string? ProfileSpec(string spec) => CodecPlan.Make(CodecSpec.Parse(spec), spec).ProfileSpec;

    /// <summary>The codec that <paramref name="spec"/> names, for a model's KV.</summary>
    /// <param name="spec">Any spelling.</param>
    /// <param name="geometry">Of the model's KV.</param>
    /// <param name="profiles">Where Profiles of the model are; null: there are none.</param>
    /// <exception cref="CodecSpecException">The spec is malformed, names a method or parameter that does not exist, or needs a Profile that is not there.</exception>
    /// <exception cref="ArgumentException">The geometry is one that no codec can hold: the head size must be a multiple of 16.</exception>
    public static KvCodec Create(string spec, KvGeometry geometry, IProfileSource? profiles = null) =>
        Create(spec, geometry, profiles, SimdPaths.Best);

    internal static KvCodec Create(string spec, KvGeometry geometry, IProfileSource? profiles, SimdPath path)
    {
        CodecPlan plan = CodecPlan.Make(CodecSpec.Parse(spec), spec);
        Profile? profile = null;
        if (plan.ProfileSpec is { } wanted)
        {
            profile = profiles?.Find(wanted) ?? throw new CodecSpecException(
                spec, 0, $"'{wanted}' needs a Profile of this model, and none was found; make one with: kvcluster calibrate --kv \"{wanted}\".");
            if (profile.Geometry != geometry)
            {
                throw new CodecSpecException(spec, 0, $"The Profile of '{wanted}' is of a model with {profile.Geometry}; this one has {geometry}.");
            }
        }

        return Build(plan, geometry, profile, path);
    }

    private static KvCodec Build(CodecPlan plan, KvGeometry geometry, Profile? profile, SimdPath path)
    {
        AttentionGuard.RequireSupported(geometry);
        if (plan.IsRaw)
        {
            return new RawCodec(geometry, path);
        }

        var layers = new PipelineLayer[geometry.LayerCount];
        for (int layer = 0; layer < layers.Length; layer++)
        {
            layers[layer] = BuildLayer(plan, geometry, layer, profile?.Layers[layer], path);
        }

        string identity = profile is null ? plan.Spec : $"{plan.Spec}|{profile.Fingerprint:x16}";
        return new PipelineCodec(geometry, plan.Spec, CodecFingerprint.Of(plan.PayloadFormat, identity, geometry), Saliency(plan, layers), layers);
    }

    private static SaliencyRule? Saliency(CodecPlan plan, PipelineLayer[] layers)
    {
        if (!layers.Any(layer => layer.Quantiser.NeedsSaliency))
        {
            return null;
        }

        StageParameters parameters = plan.Quantiser.Parameters;
        SaliencyNorm norm = parameters.OneOf("norm", "probes", "probes", "official", "none") switch
        {
            "official" => SaliencyNorm.Official,
            "none" => SaliencyNorm.None,
            _ => SaliencyNorm.Probes,
        };
        return new SaliencyRule(norm, parameters.Number("probes", 0.1, 0.01, 1), parameters.OneOf("mode", "block", "block", "paper") == "paper");
    }

    private static PipelineLayer BuildLayer(CodecPlan plan, KvGeometry geometry, int layer, LayerProfile? profile, SimdPath path)
    {
        LayerProjection? projection = plan.Projector is null ? null : new LayerProjection(geometry, profile!);
        LatentShape shape = projection?.Shape ?? LatentShape.Plain(geometry);
        LayerQuantiser quantiser = plan.Quantiser.Method.Quantiser!(Context(plan.Quantiser));
        LayerResidual? residual = plan.Residual?.Method.Residual!(Context(plan.Residual));
        return new PipelineLayer(projection, quantiser, residual);

        StageContext Context(PlannedStage stage) => new(stage.Parameters, layer, shape, profile) { Path = path };
    }
}
