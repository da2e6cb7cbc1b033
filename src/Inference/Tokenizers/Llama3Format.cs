namespace KvCluster.Inference.Tokenizers;

/// <summary>
/// Llama 3 headers. The templates of 3.1 and later open with a system turn that states two dates; today's is fixed there
/// unless the template's runner offers a clock, and fixed here, so that prompts and their prefixes stay the same over time.
/// </summary>
internal sealed class Llama3Format : IChatFormat
{
    public const string HeaderToken = "<|start_header_id|>";
    private const string Dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

    private readonly Tokenizer _tokenizer;
    private readonly int _begin;
    private readonly int _headerStart;
    private readonly int _headerEnd;
    private readonly int _endOfTurn;
    private readonly bool _statesDates;

    private Llama3Format(Tokenizer tokenizer, int begin, int headerStart, int headerEnd, int endOfTurn, bool statesDates)
    {
        _tokenizer = tokenizer;
        _begin = begin;
        _headerStart = headerStart;
        _headerEnd = headerEnd;
        _endOfTurn = endOfTurn;
        _statesDates = statesDates;
    }

    /// <summary>Null when the template or the tokenizer is of another format.</summary>
    public static Llama3Format? TryCreate(string source, Tokenizer tokenizer) =>
        source.Contains(HeaderToken, StringComparison.Ordinal)
        && tokenizer.TryGetId("<|begin_of_text|>", out var begin)
        && tokenizer.TryGetId(HeaderToken, out var headerStart)
        && tokenizer.TryGetId("<|end_header_id|>", out var headerEnd)
        && tokenizer.TryGetId("<|eot_id|>", out var endOfTurn)
            ? new Llama3Format(
                tokenizer, begin, headerStart, headerEnd, endOfTurn, source.Contains("Cutting Knowledge Date", StringComparison.Ordinal))
            : null;

    public int[] Render(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt)
    {
        var writer = new ChatWriter(_tokenizer).Control(_begin);
        var hasSystem = messages.Count > 0 && messages[0].Role == ChatTemplate.SystemRole;
        if (_statesDates)
        {
            Turn(writer, ChatTemplate.SystemRole, Dates + (hasSystem ? messages[0].Content.Trim() : ""));
        }

        foreach (var message in messages.Skip(_statesDates && hasSystem ? 1 : 0))
        {
            Turn(writer, message.Role == ChatTemplate.ToolRole ? "ipython" : message.Role, message.Content.Trim());
        }

        if (addGenerationPrompt)
        {
            Header(writer, "assistant").Text("\n\n");
        }

        return writer.Finish();
    }

    private ChatWriter Header(ChatWriter writer, string role) => writer.Control(_headerStart).Text(role).Control(_headerEnd);

    private void Turn(ChatWriter writer, string role, string content) =>
        Header(writer, role).Text($"\n\n{content}").Control(_endOfTurn);
}
