using KvCluster.CommandLine.Eval.Auto;

namespace KvCluster.CommandLine.Eval;

/// <summary>What <c>--json</c> saves.</summary>
internal sealed record EvalReport
{
    public const int CurrentVersion = 2;

    /// <summary>Rises when a field changes its meaning or goes away; new fields may come without.</summary>
    public int Version { get; init; } = CurrentVersion;

    /// <summary>The evaluation file's name.</summary>
    public required string Data { get; init; }

    public required string Model { get; init; }

    /// <summary>Bytes of 16-bit K and V a token.</summary>
    public required int RawBytesPerToken { get; init; }

    /// <summary><c>raw</c> first, then in the order of the command line.</summary>
    public required IReadOnlyList<SpecResult> Specs { get; init; }

    /// <summary>What <c>--kv auto</c> chose; empty without.</summary>
    public IReadOnlyList<AutoChoice> Auto { get; init; } = [];
}
