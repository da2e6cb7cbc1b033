namespace KvCluster.CommandLine.Eval;

/// <summary>What <c>--json</c> saves.</summary>
internal sealed record EvalReport
{
    /// <summary>The evaluation file's name.</summary>
    public required string Data { get; init; }

    public required string Model { get; init; }

    /// <summary>Bytes of 16-bit K and V a token.</summary>
    public required int RawBytesPerToken { get; init; }

    public required IReadOnlyList<SpecResult> Specs { get; init; }
}
