namespace KvCluster.CommandLine.Eval;

/// <summary>What <c>kvcluster eval</c> was asked for.</summary>
internal sealed record EvalOptions
{
    public required string Data { get; init; }

    /// <summary>Codecs and <c>auto(…)</c>, as written.</summary>
    public required IReadOnlyList<string> Specs { get; init; }

    public required string ModelFolder { get; init; }

    /// <summary>What the workers compute on; diagnosis is the CPU's.</summary>
    public string Backend { get; init; } = Terminal.BackendOption.Default;

    /// <summary>Most rows of each task; null: all.</summary>
    public int? Limit { get; init; }

    /// <summary>Rows of each task that <see cref="Diagnosis.Diagnoser"/> looks at; 0: none.</summary>
    public int DiagnosedRows { get; init; }

    /// <summary><see cref="SecondQuestions.SecondQuestionSource"/>; null: none.</summary>
    public string? Second { get; init; }
}
