namespace KvCluster.Compression.Codecs;

/// <summary>A codec spec string that can't be used. The message says where and why, and lists what can.</summary>
public sealed class CodecSpecException : Exception
{
    public CodecSpecException(string spec, int position, string problem)
        : base($"Codec spec '{spec}', position {position + 1}: {problem} Valid specs: {string.Join(", ", CodecRegistry.ValidSpecs)}.")
    {
        Spec = spec;
        Position = position;
    }

    public CodecSpecException()
        : this("", 0, "A spec is missing.")
    {
    }

    public CodecSpecException(string message)
        : base(message)
    {
    }

    public CodecSpecException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The string that was parsed.</summary>
    public string Spec { get; } = "";

    /// <summary>Index into <see cref="Spec"/> of the first character that was wrong.</summary>
    public int Position { get; }
}
