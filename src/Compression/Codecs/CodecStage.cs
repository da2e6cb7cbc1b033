namespace KvCluster.Compression.Codecs;

/// <summary>One step of a spec's pipeline, e.g. <c>gear(bits=2,rank=4)</c>.</summary>
/// <param name="Name">Lower case.</param>
/// <param name="Parameters">In ordinal order of their names; values as written.</param>
/// <param name="Position">Where the name begins in the parsed string; errors about the stage point there.</param>
public sealed record CodecStage(string Name, IReadOnlyList<KeyValuePair<string, string>> Parameters, int Position)
{
    public override string ToString() =>
        Parameters.Count == 0 ? Name : $"{Name}({string.Join(",", Parameters.Select(pair => $"{pair.Key}={pair.Value}"))})";
}
