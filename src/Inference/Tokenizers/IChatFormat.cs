namespace KvCluster.Inference.Tokenizers;

internal interface IChatFormat
{
    /// <summary>Messages have known roles.</summary>
    public int[] Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt);
}
