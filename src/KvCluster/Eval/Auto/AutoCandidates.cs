using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Eval.Auto;

/// <summary>What <c>auto</c> chooses from: methods whose Blocks depend on nothing but themselves, so that they can be reused.</summary>
internal static class AutoCandidates
{
    /// <summary>Alone; those that this build or model does not have are passed over.</summary>
    private static readonly string[] Alone =
    [
        "raw", "int8", "int4", "int3", "int2", "kivi4", "kivi2", "zipcache(keybits=mixed,salient=0.5)", "zipcache", "gear(bits=4)", "gear(bits=2)", "gear-l(bits=2)",
    ];

    /// <summary>What is put behind each Profile of the model.</summary>
    private static readonly string[] BehindProfiles = ["", "+int8", "+int4", "+int3", "+int2", "+zipcache", "+gear(bits=2)"];

    /// <summary>Those that can be used with a model, the smallest at prompts of 4,096 tokens first.</summary>
    public static IReadOnlyList<KvCodec> Of(EvalModel model)
    {
        IEnumerable<string> profiled = model.Profiles.Specs.SelectMany(profile => BehindProfiles.Select(rest => profile + rest));
        return [.. Alone.Concat(profiled).Select(spec => TryCreate(model, spec)).OfType<KvCodec>()
            .DistinctBy(codec => codec.Spec)
            .OrderBy(Size).ThenBy(codec => codec.Spec, StringComparer.Ordinal)];
    }

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
