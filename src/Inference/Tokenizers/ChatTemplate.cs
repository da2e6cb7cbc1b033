namespace KvCluster.Inference.Tokenizers;

/// <summary>Turns a conversation into token ids.</summary>
public sealed class ChatTemplate
{
    /// <returns>False with a message when the model has no known template or a role is unknown.</returns>
    public bool TryRender(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, out int[] ids, out string? error) =>
        throw new NotSupportedException();

    internal static ChatTemplate Read(string folder, Tokenizer tokenizer) => throw new NotSupportedException(folder);
}
