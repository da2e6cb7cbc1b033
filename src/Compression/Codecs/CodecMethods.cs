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
        Int("int8", 8),
        Int("int4", 4),
        Int("int3", 3),
        Int("int2", 2),
        new("kivi4", CodecRole.Quantiser, "group") { Quantiser = context => Quantisers.Kivi(context, 4) },
        new("kivi2", CodecRole.Quantiser, "group") { Quantiser = context => Quantisers.Kivi(context, 2) },
        new("kcvt4", CodecRole.Quantiser) { Quantiser = context => Quantisers.Kcvt(context, 4) },
        new("kcvt2", CodecRole.Quantiser) { Quantiser = context => Quantisers.Kcvt(context, 2) },
        new("zipcache", CodecRole.Quantiser, "high", "low", "salient", "keys", "keybits", "choose", "norm", "probes", "mode")
        {
            Quantiser = Quantisers.ZipCache, PayloadFormat = "pipeline/2",
        },
        new("evict", CodecRole.Quantiser, "keep", "norm", "probes", "mode") { Quantiser = Quantisers.Evict },
        new("waterfill", CodecRole.Quantiser, "keys", "values", "wide") { Quantiser = Quantisers.Waterfill, NeedsProfile = true },
        new("gear", CodecRole.Residual, GearMethods.Bits, GearMethods.Rank, GearMethods.Sparse, GearMethods.Keys)
        {
            Residual = GearMethods.Gear, ImpliedQuantiser = GearMethods.Backbone, ImpliedParameters = [GearMethods.Bits],
            PayloadFormat = "pipeline/3",
        },
        new("gear-l", CodecRole.Residual, GearMethods.Bits, GearMethods.Rank, GearMethods.Keys)
        {
            Residual = GearMethods.GearL, ImpliedQuantiser = GearMethods.Backbone, ImpliedParameters = [GearMethods.Bits],
            PayloadFormat = "pipeline/3",
        },
    ];

    private static CodecMethod Int(string name, int bitCount) =>
        new(name, CodecRole.Quantiser, "channels") { Quantiser = context => Quantisers.Int(context, bitCount) };
}
