using KvCluster.Compression.Blocks;

namespace KvCluster.Compression.Codecs;

/// <summary>The codecs that specs can name.</summary>
public static class CodecRegistry
{
    private static readonly CodecMethod[] Methods =
    [
        new("raw", CodecRole.Quantiser, [], (_, geometry) => new RawCodec(geometry)),
        new("int8", CodecRole.Quantiser, [], (_, geometry) => new IntCodec(geometry, bitCount: 8)),
        new("int4", CodecRole.Quantiser, [], (_, geometry) => new IntCodec(geometry, bitCount: 4)),
    ];

    /// <summary>For help texts and messages.</summary>
    public static IReadOnlyList<string> ValidSpecs { get; } = [.. Methods.Select(method => method.Name)];

    /// <summary>The codec that <paramref name="spec"/> names, for a model's KV.</summary>
    /// <exception cref="CodecSpecException">The spec is malformed, or names a method or parameter that does not exist.</exception>
    /// <exception cref="ArgumentException">The geometry is one that no codec can hold: the head size must be a multiple of 16.</exception>
    public static KvCodec Create(string spec, KvGeometry geometry)
    {
        var parsed = CodecSpec.Parse(spec);
        CodecMethod? quantiser = null;
        CodecRole? previous = null;
        foreach (CodecStage stage in parsed.Stages)
        {
            CodecMethod method = Find(spec, stage);
            if (previous >= method.Role)
            {
                throw new CodecSpecException(spec, stage.Position, $"'{stage.Name}' can't stand here: [projector +] quantiser [+ residual].");
            }

            previous = method.Role;
            quantiser = method.Role == CodecRole.Quantiser ? method : quantiser;
        }

        return quantiser is null
            ? throw new CodecSpecException(spec, 0, "The spec has no quantiser.")
            : quantiser.Create(parsed, geometry);
    }

    private static CodecMethod Find(string spec, CodecStage stage)
    {
        CodecMethod method = Array.Find(Methods, method => method.Name == stage.Name)
            ?? throw new CodecSpecException(spec, stage.Position, $"There is no codec '{stage.Name}'.");
        foreach ((string name, _) in stage.Parameters)
        {
            if (!method.ParameterNames.Contains(name))
            {
                string known = method.ParameterNames.Count == 0 ? "none" : string.Join(", ", method.ParameterNames);
                throw new CodecSpecException(spec, stage.Position, $"'{stage.Name}' has no parameter '{name}' (it has {known}).");
            }
        }

        return method;
    }
}
