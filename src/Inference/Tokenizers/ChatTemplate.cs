using System.Diagnostics.CodeAnalysis;

namespace KvCluster.Inference.Tokenizers;

/// <summary>Turns a conversation into token ids. Contents of messages are never parsed for control tokens.</summary>
public sealed class ChatTemplate
{
    public const string SystemRole = "system";
    public const string UserRole = "user";
    public const string AssistantRole = "assistant";
    public const string ToolRole = "tool";

    private static readonly string[] Roles = [SystemRole, UserRole, AssistantRole, ToolRole];

    private readonly IChatFormat? _format;

    private ChatTemplate(ChatTemplateKind kind, IChatFormat? format)
    {
        Kind = kind;
        _format = format;
    }

    public ChatTemplateKind Kind { get; }

    /// <param name="source">The Jinja text; null or empty: the model has none.</param>
    /// <param name="tokenizer">Must know the control tokens of the format.</param>
    public static ChatTemplate FromJinja(string? source, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (string.IsNullOrWhiteSpace(source))
        {
            return new ChatTemplate(ChatTemplateKind.None, null);
        }

        if (Llama3Format.TryCreate(source, tokenizer) is { } llama3)
        {
            return new ChatTemplate(ChatTemplateKind.Llama3, llama3);
        }

        return ChatMlFormat.TryCreate(source, tokenizer) is { } chatMl
            ? new ChatTemplate(ChatTemplateKind.ChatMl, chatMl)
            : new ChatTemplate(ChatTemplateKind.Unknown, null);
    }

    /// <param name="messages">At least one.</param>
    /// <param name="addGenerationPrompt">End with the opening of the assistant's turn.</param>
    /// <param name="ids">The prompt, begin-of-text token included where the format has one.</param>
    /// <param name="error">Why there is none: the model has no known template, a role is unknown, there is no message.</param>
    public bool TryRender(
        IReadOnlyList<ChatMessage> messages,
        bool addGenerationPrompt,
        [NotNullWhen(true)] out int[]? ids,
        [NotNullWhen(false)] out string? error)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ids = null;
        error = FindError(messages);
        if (error is not null)
        {
            return false;
        }

        ids = _format!.Render(messages, addGenerationPrompt);
        return true;
    }

    internal static ChatTemplate Read(string folder, Tokenizer tokenizer) =>
        FromJinja(ChatTemplateFile.Read(folder), tokenizer);

    private string? FindError(IReadOnlyList<ChatMessage> messages)
    {
        if (_format is null)
        {
            return Kind == ChatTemplateKind.None
                ? "this model has no chat template; use the completions API"
                : "the chat template of this model is not supported (supported are ChatML and Llama 3); use the completions API";
        }

        if (messages.Count == 0)
        {
            return "messages must hold at least one message";
        }

        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Content is null)
            {
                return $"messages[{i}].content is missing";
            }

            if (!Roles.Contains(messages[i].Role))
            {
                return $"messages[{i}].role must be one of {string.Join(", ", Roles)}, is '{messages[i].Role}'";
            }
        }

        return null;
    }
}
