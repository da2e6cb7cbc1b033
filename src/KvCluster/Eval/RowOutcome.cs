using KvCluster.CommandLine.Eval.SecondQuestions;

namespace KvCluster.CommandLine.Eval;

/// <summary>What one prompt gave.</summary>
/// <param name="Row">The prompt.</param>
/// <param name="Answer">Text of the greedy answer.</param>
/// <param name="IsRight">Whether it is right.</param>
/// <param name="ReferenceNll">Summed negative log-likelihood of the reference, nats.</param>
/// <param name="ReferenceTokenCount">Tokens of the reference; 0 without one.</param>
/// <param name="KvTokensMoved">Prompt tokens whose KV went to the decode worker.</param>
/// <param name="KvBytesMoved">Bytes of their slabs.</param>
/// <param name="Second">The second question about the same document; null when none was asked.</param>
internal sealed record RowOutcome(
    EvalRow Row,
    string Answer,
    bool IsRight,
    double ReferenceNll,
    int ReferenceTokenCount,
    long KvTokensMoved,
    long KvBytesMoved,
    SecondOutcome? Second = null);
