using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>What <c>auto</c> chooses from.</summary>
internal static class AutoCandidates
{
    private static readonly string[] Specs = ["raw", "int8", "int4"];

    /// <summary>Those that can be used with a model, the smallest at prompts of 4,096 tokens first.</summary>
    public static IReadOnlyList<KvCodec> Of(EvalModel model) =>
        [.. Specs.Select(spec => TryCreate(model, spec)).OfType<KvCodec>()
            .DistinctBy(codec => codec.Spec)
            .OrderBy(Size).ThenBy(codec => codec.Spec, StringComparer.Ordinal)];

    /// <summary>Bytes of a prompt of 4,096 tokens.</summary>
    public static long Size(KvCodec codec) => EncodedSize.ForPrompt(codec, SpecResult.ReferencePromptTokens).SizeBytes;

    /// <returns>Null: a method is missing in this build, or needs a Profile that the model does not have.</returns>
    private static KvCodec? TryCreate(EvalModel model, string spec)
    {
        try
        {
            return model.Codec(spec);
        }
        catch (CodecSpecException)
        {
            return null;
        }
    }
}
