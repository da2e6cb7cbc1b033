using System.Text.RegularExpressions;

namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// ChatML. What templates add is read from their source: a default system message, put first when there is none, and tool
/// results as a user turn in &lt;tool_response&gt; marks (Qwen).
/// </summary>
internal sealed partial class ChatMlFormat : IChatFormat
{
    public const string StartToken = "<|im_start|>";
    public const string EndToken = "<|im_end|>";
    private const string ToolMark = "<tool_response>";

    private readonly Tokenizer _tokenizer;
    private readonly int _start;
    private readonly int _end;
    private readonly string? _defaultSystem;
    private readonly bool _marksToolResults;

    private ChatMlFormat(Tokenizer tokenizer, int start, int end, string source)
    {
        _tokenizer = tokenizer;
        _start = start;
        _end = end;
        _defaultSystem = DefaultSystem().Match(source) is { Success: true } match ? match.Groups[1].Value : null;
        _marksToolResults = source.Contains(ToolMark, StringComparison.Ordinal);
    }

    /// <summary>Null when the template or the tokenizer is of another format.</summary>
    public static ChatMlFormat? TryCreate(string source, Tokenizer tokenizer) =>
        source.Contains(StartToken, StringComparison.Ordinal)
        && source.Contains(EndToken, StringComparison.Ordinal)
        && tokenizer.TryGetId(StartToken, out var start)
        && tokenizer.TryGetId(EndToken, out var end)
            ? new ChatMlFormat(tokenizer, start, end, source)
            : null;

    public int[] Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        var writer = new ChatWriter(_tokenizer);
        if (_defaultSystem is not null && (messages.Count == 0 || messages[0].Role != ChatTemplate.SystemRole))
        {
            Turn(writer, ChatTemplate.SystemRole, _defaultSystem);
        }

        for (var i = 0; i < messages.Count; i++)
        {
            if (messages[i].Role == ChatTemplate.ToolRole && _marksToolResults)
            {
                // Results of several tools in a row share one turn.
                var first = i;
                while (i + 1 < messages.Count && messages[i + 1].Role == ChatTemplate.ToolRole)
                {
                    i++;
                }

                var results = Enumerable.Range(first, i - first + 1).Select(n => $"{ToolMark}\n{messages[n].Content}\n</tool_response>");
                Turn(writer, ChatTemplate.UserRole, string.Join('\n', results));
            }
            else
            {
                Turn(writer, messages[i].Role, messages[i].Content);
            }
        }

        if (addGenerationPrompt)
        {
            writer.Control(_start).Text("assistant\n");
        }

        return writer.Finish();
    }

    [GeneratedRegex(@"<\|im_start\|>system(?:\\n|\n)([^'""{}<>]+?)<\|im_end\|>", RegexOptions.CultureInvariant)]
    private static partial Regex DefaultSystem();

    private void Turn(ChatWriter writer, string role, string content) =>
        writer.Control(_start).Text($"{role}\n{content}").Control(_end).Text("\n");
}
