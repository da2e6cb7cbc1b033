using KvCluster.Compression.Calibration;
using KvCluster.Compression.Quantization;
using KvCluster.Compression.Residual;

namespace KvCluster.Compression.Codecs;

/// <summary>Every method, in the order in which help texts name them.</summary>
internal static class CodecMethods
{
    public static IReadOnlyList<CodecMethod> All { get; } =
    [
        new("zack", CodecRole.Projector, ZackRecipe.ParameterNames) { NeedsProfile = true },
        new("kvheads", CodecRole.Projector, KvHeadsRecipe.ParameterNames) { NeedsProfile = true },
        new("pca", CodecRole.Projector, PcaRecipe.ParameterNames) { NeedsProfile = true },
        new("raw", CodecRole.Quantiser) { Quantiser = Quantisers.Half },
        new("int8", CodecRole.Quantiser) { Quantiser = context => Quantisers.Int(context, 8) },
        new("int4", CodecRole.Quantiser) { Quantiser = context => Quantisers.Int(context, 4) },
        new("gear", CodecRole.Residual, GearMethods.Bits, GearMethods.Rank, GearMethods.Sparse, GearMethods.Keys)
        {
            Residual = GearMethods.Gear, ImpliedQuantiser = GearMethods.Backbone, ImpliedParameters = [GearMethods.Bits],
        },
        new("gear-l", CodecRole.Residual, GearMethods.Bits, GearMethods.Rank, GearMethods.Keys)
        {
            Residual = GearMethods.GearL, ImpliedQuantiser = GearMethods.Backbone, ImpliedParameters = [GearMethods.Bits],
        },
    ];
}
