namespace KvCluster.Compression.Codecs;

/// <summary>Every method, in the order in which help texts name them.</summary>
internal static class CodecMethods
{
    public static IReadOnlyList<CodecMethod> All { get; } =
    [
        new("raw", CodecRole.Quantiser),
        new("int8", CodecRole.Quantiser),
        new("int4", CodecRole.Quantiser),
    ];
}
