namespace KvCluster.Compression.Codecs;

/// <summary>
/// A parsed codec spec: stages from left to right, <c>[projector +] quantiser [+ residual]</c>. What a name means is the
/// <see cref="CodecRegistry"/>'s matter.
/// </summary>
/// <remarks>
/// <c>spec = stage { "+" stage }; stage = name [ "(" parameter { "," parameter } ")" ]; parameter = name "=" value</c>.
/// A name is a letter, then letters, digits and <c>-</c>; a value is letters, digits, <c>.</c>, <c>-</c>. White space
/// between them and the case of letters do not count.
/// </remarks>
public sealed class CodecSpec : IEquatable<CodecSpec>
{
    private readonly string _canonical;

    private CodecSpec(IReadOnlyList<CodecStage> stages)
    {
        Stages = stages;
        _canonical = string.Join("+", stages);
    }

    /// <summary>One or more.</summary>
    public IReadOnlyList<CodecStage> Stages { get; }

    /// <exception cref="CodecSpecException">The string does not follow the grammar.</exception>
    public static CodecSpec Parse(string spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        return new CodecSpec(new CodecSpecReader(spec).ReadStages());
    }

    /// <summary>The canonical spelling: lower case, no spaces, parameters by name. Equal specs have equal spellings.</summary>
    public override string ToString() => _canonical;

    public bool Equals(CodecSpec? other) => other is not null && other._canonical == _canonical;

    public override bool Equals(object? obj) => Equals(obj as CodecSpec);

    public override int GetHashCode() => _canonical.GetHashCode(StringComparison.Ordinal);
}
