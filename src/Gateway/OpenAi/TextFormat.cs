using System.Text;
using System.Text.Json.Serialization.Metadata;
using KvCluster.Inference.Tokenizers;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <param name="header">Of the answer.</param>
/// <param name="tokenizer">For the texts of tokens in log-probabilities.</param>
/// <param name="showsLogprobs">Whether they were asked for.</param>
/// <param name="echoes">Text to begin each choice with; empty when the prompt is not to be repeated.</param>
internal sealed class TextFormat(AnswerHeader header, Tokenizer tokenizer, bool showsLogprobs, IReadOnlyList<string> echoes)
    : AnswerFormat<TextAnswer>
{
    private readonly Dictionary<int, int> _offsets = [];

    public override JsonTypeInfo<TextAnswer> JsonType => OpenAiJson.Default.TextAnswer;

    public override TextAnswer? Opening(int index) =>
        echoes.Count > 0 ? Create([new TextChoice(index, echoes[index], null, null)]) : null;

    public override TextAnswer? Chunk(int index, GenerateReply reply)
    {
        string? finish = NameOf(reply.FinishReason);
        TextLogprobs? logprobs = LogprobsOf(index, [reply]);
        return reply.Text.Length == 0 && finish is null && logprobs is null
            ? null
            : Create([new TextChoice(index, reply.Text, logprobs, finish)]);
    }

    public override TextAnswer UsageChunk(CompletionUsage usage) => Create([]) with { Usage = usage };

    public override TextAnswer Whole(IReadOnlyList<IReadOnlyList<GenerateReply>> replies, CompletionUsage usage)
    {
        TextChoice[] choices = [.. replies.Select((parts, index) =>
        {
            string text = string.Concat(parts.Select(part => part.Text));
            return new TextChoice(
                index, echoes.Count > 0 ? echoes[index] + text : text, LogprobsOf(index, parts), NameOf(parts[^1].FinishReason));
        })];
        return Create(choices) with { Usage = usage };
    }

    private TextAnswer Create(TextChoice[] choices) => new(header.Id, "text_completion", header.Created, header.Model, choices);

    private TextLogprobs? LogprobsOf(int index, IEnumerable<GenerateReply> replies)
    {
        TokenLogprob[] logprobs = showsLogprobs ? [.. replies.SelectMany(reply => reply.Logprobs)] : [];
        if (logprobs.Length == 0)
        {
            return null;
        }

        string[] tokens = [.. logprobs.Select(logprob => TextOf(logprob.TokenId))];
        int[] offsets = new int[tokens.Length];
        int offset = _offsets.GetValueOrDefault(index);
        for (int i = 0; i < tokens.Length; i++)
        {
            offsets[i] = offset;
            offset += tokens[i].Length;
        }

        _offsets[index] = offset;
        return new TextLogprobs(tokens, [.. logprobs.Select(logprob => logprob.Logprob)], [.. logprobs.Select(TopOf)], offsets);
    }

    private Dictionary<string, float> TopOf(TokenLogprob logprob)
    {
        var top = new Dictionary<string, float>();
        foreach (TopLogprob entry in logprob.Top)
        {
            // Two tokens may have one text, parts of characters above all: the likelier stays.
            top.TryAdd(TextOf(entry.TokenId), entry.Logprob);
        }

        return top;
    }

    private string TextOf(int tokenId) => Encoding.UTF8.GetString(tokenizer.TokenBytes(tokenId));
}
