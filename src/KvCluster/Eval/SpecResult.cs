using System.Text.Json.Serialization;
using KvCluster.CommandLine.Eval.Diagnosis;
using KvCluster.CommandLine.Eval.SecondQuestions;

namespace KvCluster.CommandLine.Eval;

/// <summary>One spec over a whole file.</summary>
internal sealed record SpecResult
{
    /// <summary>Prompt length at which specs are compared by size.</summary>
    public const int ReferencePromptTokens = 4096;

    public required string KvSpec { get; init; }

    public required IReadOnlyList<TaskResult> Tasks { get; init; }

    /// <summary>Mean of the tasks' accuracies, 0 to 1.</summary>
    public required double MeanAccuracy { get; init; }

    /// <summary><see cref="MeanAccuracy"/> over that of <c>raw</c>; null when <c>raw</c> got nothing right.</summary>
    public required double? AccuracyKept { get; init; }

    /// <summary>Over all tokens of all reference answers, nats a token.</summary>
    public required double? MeanNll { get; init; }

    /// <summary>Bytes of slabs, headers and Tails included, that decode workers took in, a token of prompt moved.</summary>
    public required double BytesPerToken { get; init; }

    /// <summary>16-bit bytes a token over <see cref="BytesPerToken"/>.</summary>
    public required double Ratio { get; init; }

    /// <summary>Bytes a token of a prompt of 4,096 tokens, headers included: exact, since sizes do not depend on values.</summary>
    [JsonPropertyName("bytes_per_token_at_4096")]
    public required double ReferenceBytesPerToken { get; init; }

    /// <summary>16-bit bytes a token over <see cref="ReferenceBytesPerToken"/>.</summary>
    [JsonPropertyName("ratio_at_4096")]
    public required double ReferenceRatio { get; init; }

    /// <summary>Prompt tokens whose KV went over the wire to a decode worker.</summary>
    public required long TokensMoved { get; init; }

    public required long BytesMoved { get; init; }

    public required int RowCount { get; init; }

    public required double WallSeconds { get; init; }

    /// <summary>What a look inside said; null when none was asked for.</summary>
    public SpecDiagnosis? Diagnosis { get; init; }

    /// <summary>Second questions over reused prefixes; null when none were asked.</summary>
    public SecondQuestionResult? SecondQuestion { get; init; }
}
