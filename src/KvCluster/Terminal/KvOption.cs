using System.CommandLine;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--kv SPEC</c>: the codec that KV blocks are encoded with.</summary>
internal static class KvOption
{
    public const string Default = "int4";

    public static Option<string> Create() => new("--kv")
    {
        HelpName = "SPEC",
        Description = "Codec of the KV blocks: raw, int8 or int4",
        DefaultValueFactory = _ => Default,
    };

    /// <summary>The canonical form of a spec, checked before anything is loaded.</summary>
    /// <exception cref="CodecSpecException">No such codec, or a parameter that it does not take.</exception>
    public static string Canonical(string spec) => CodecRegistry.Canonical(spec);
}
