namespace KvCluster.Inference.Calibration;

/// <summary>A prompt and its true answer.</summary>
/// <param name="Task">Kind of prompt; each counts the same in accuracies.</param>
/// <param name="Prompt">Text as it is, special tokens included.</param>
/// <param name="Reference">The text that must follow.</param>
public sealed record AnsweredPrompt(string Task, string Prompt, string Reference);
