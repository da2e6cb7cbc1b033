namespace KvCluster.CommandLine.Eval;

/// <summary>One task under one spec.</summary>
/// <param name="Task">The task.</param>
/// <param name="RowCount">Prompts asked.</param>
/// <param name="RightCount">Answers that were right.</param>
/// <param name="Accuracy">Right of asked, 0 to 1.</param>
/// <param name="MeanNll">Mean negative log-likelihood a token of the reference answers, nats; null without references.</param>
internal sealed record TaskResult(string Task, int RowCount, int RightCount, double Accuracy, double? MeanNll);
