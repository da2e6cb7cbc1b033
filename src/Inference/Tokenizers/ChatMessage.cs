namespace KvCluster.Inference.Tokenizers;

/// <param name="Role">system, user, assistant or tool.</param>
/// <param name="Content">Plain text; special tokens in it stay text.</param>
public readonly record struct ChatMessage(string Role, string Content);
