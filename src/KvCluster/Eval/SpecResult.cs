namespace KvCluster.CommandLine.Eval;

/// <summary>One spec over a whole file.</summary>
internal sealed record SpecResult
{
    public required string KvSpec { get; init; }

    public required IReadOnlyList<TaskResult> Tasks { get; init; }

    /// <summary>Mean of the tasks' accuracies, 0 to 1.</summary>
    public required double MeanAccuracy { get; init; }

    /// <summary>Over all tokens of all reference answers, nats a token.</summary>
    public required double? MeanNll { get; init; }

    /// <summary>Bytes of slabs, headers and Tails included, that decode workers took in, a token of prompt moved.</summary>
    public required double BytesPerToken { get; init; }

    /// <summary>16-bit bytes a token over <see cref="BytesPerToken"/>.</summary>
    public required double Ratio { get; init; }

    /// <summary>Prompt tokens whose KV went over the wire to a decode worker.</summary>
    public required long TokensMoved { get; init; }

    public required long BytesMoved { get; init; }

    public required int RowCount { get; init; }

    public required double WallSeconds { get; init; }
}
