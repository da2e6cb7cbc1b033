using KvCluster.Compression.Codecs;

namespace KvCluster.Compression.Tests.Quantization;

/// <summary>What docs/slab-format.md says of a quantiser.</summary>
/// <param name="Spec">Its stage.</param>
/// <param name="Segments">Tokens and bits, of V; of K unless it is channelwise in groups.</param>
/// <param name="HasChannelwiseKeys">K has a scale and a zero by channel; else by token.</param>
/// <param name="IsSeparable">Tokenwise tensors have channel scales.</param>
/// <param name="GroupSize">Tokens of a group of K and channels of a group of V; 0: no groups.</param>
/// <param name="IsMixed">Tokens are stored in the order of a set.</param>
internal sealed record QuantiserFormat(
    string Spec, (int Count, int Bits)[] Segments, bool HasChannelwiseKeys, bool IsSeparable, int GroupSize, bool IsMixed)
{
    public static IReadOnlyList<QuantiserFormat> All { get; } =
    [
        Int("int8", 8), Int("int4", 4), Int("int3", 3), Int("int2", 2),
        Int("int4(channels=plain)", 4) with { IsSeparable = false },
        Kivi("kivi4", 4, 32), Kivi("kivi2", 2, 32), Kivi("kivi2(group=64)", 2, 64),
        Int("kcvt4", 4) with { HasChannelwiseKeys = true, IsSeparable = false },
        Int("kcvt2", 2) with { HasChannelwiseKeys = true, IsSeparable = false },
        Mixed("zipcache", 16, 4, 2) with { KeyBits = 4 },
        Mixed("zipcache(keybits=mixed,salient=0.5)", 32, 4, 2),
        Mixed("zipcache(choose=random,keybits=mixed,low=3)", 16, 4, 3),
        Mixed("zipcache(high=3,keybits=mixed,salient=0.75)", 48, 3, 2),
        Mixed("zipcache(keybits=mixed,keys=channel,low=3)", 16, 4, 3) with { HasChannelwiseKeys = true },
        Mixed("zipcache(high=8,keybits=mixed,low=3)", 16, 8, 3),
        Mixed("zipcache(high=3,keys=channel,salient=0.75)", 48, 3, 2) with { KeyBits = 4, HasChannelwiseKeys = true },
    ];

    /// <summary>Bits of all of K; 0: as V.</summary>
    public int KeyBits { get; init; }

    public (int Count, int Bits)[] KeySegments =>
        KeyBits > 0 ? [(64, KeyBits)] : GroupSize == 0 ? Segments : [.. Enumerable.Repeat((GroupSize, Segments[0].Bits), 64 / GroupSize)];

    /// <summary>Theory data.</summary>
    public static TheoryData<string> Specs() =>
    [.. All.Select(format => format.Spec)];

    public static QuantiserFormat Of(string spec) => All.Single(format => format.Spec == spec);

    public LayerQuantiser Create(LatentShape shape, Compression.Numerics.SimdPath path)
    {
        CodecStage stage = CodecSpec.Parse(Spec).Stages[0];
        CodecMethod method = CodecMethods.All.Single(method => method.Name == stage.Name);
        return method.Quantiser!(new StageContext(new StageParameters(Spec, stage), 3, shape, null) { Path = path });
    }

    private static QuantiserFormat Int(string spec, int bits) => new(spec, [(64, bits)], false, true, 0, false);

    private static QuantiserFormat Kivi(string spec, int bits, int group) => new(spec, [(64, bits)], true, false, group, false);

    private static QuantiserFormat Mixed(string spec, int count, int high, int low) =>
        new(spec, [(count, high), (64 - count, low)], false, true, 0, true);
}
