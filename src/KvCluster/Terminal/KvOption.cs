using System.CommandLine;
using KvCluster.CommandLine.Eval.Auto;
using KvCluster.Compression.Codecs;

namespace KvCluster.CommandLine.Terminal;

/// <summary><c>--kv SPEC</c>: the codec that KV blocks are encoded with.</summary>
internal static class KvOption
{
    public const string Default = "int4";

    public static Option<string> Create() => new("--kv")
    {
        HelpName = "SPEC",
        Description = $"Codec of the KV blocks, [projector +] quantiser [+ residual] of: {string.Join(", ", CodecRegistry.ValidSpecs)}",
        DefaultValueFactory = _ => Default,
    };

    /// <summary>The canonical form of a spec, checked before anything is loaded.</summary>
    /// <exception cref="CodecSpecException">No such codec, or a parameter that it does not take.</exception>
    /// <exception cref="BadArgumentException">It asks for a choice, which only <c>eval</c> can make.</exception>
    public static string Canonical(string spec) => AutoSpec.TryParse(spec) is { } auto
        ? throw new BadArgumentException(
            $"--kv: '{auto}' is a choice that needs data to judge by; make it with: kvcluster eval --data FILE --kv \"{auto}\", and use the codec that it names")
        : CodecRegistry.Canonical(spec);
}
