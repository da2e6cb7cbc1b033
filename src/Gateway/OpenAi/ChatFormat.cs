using System.Text;
using System.Text.Json.Serialization.Metadata;
using KvCluster.Inference.Tokenizers;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

internal sealed class ChatFormat(AnswerHeader header, Tokenizer tokenizer, bool showsLogprobs) : AnswerFormat<ChatAnswer>
{
    public override JsonTypeInfo<ChatAnswer> JsonType => OpenAiJson.Default.ChatAnswer;

    public override ChatAnswer Opening(int index) =>
        CreateChunk(new ChatChoice(index, null, null) { Delta = new ChatAnswerMessage { Role = "assistant", Content = "" } });

    public override ChatAnswer? Chunk(int index, GenerateReply reply)
    {
        string? finish = NameOf(reply.FinishReason);
        ChatLogprobs? logprobs = LogprobsOf([reply]);
        if (reply.Text.Length == 0 && finish is null && logprobs is null)
        {
            return null;
        }

        var delta = new ChatAnswerMessage { Content = reply.Text.Length > 0 || logprobs is not null ? reply.Text : null };
        return CreateChunk(new ChatChoice(index, logprobs, finish) { Delta = delta });
    }

    public override ChatAnswer UsageChunk(CompletionUsage usage) => CreateChunk() with { Usage = usage };

    public override ChatAnswer Whole(IReadOnlyList<IReadOnlyList<GenerateReply>> replies, CompletionUsage usage)
    {
        ChatChoice[] choices = [.. replies.Select((parts, index) =>
            new ChatChoice(index, LogprobsOf(parts), NameOf(parts[^1].FinishReason))
            {
                Message = new ChatAnswerMessage { Role = "assistant", Content = string.Concat(parts.Select(part => part.Text)) },
            })];
        return new ChatAnswer(header.Id, "chat.completion", header.Created, header.Model, choices) { Usage = usage };
    }

    private ChatAnswer CreateChunk(params ChatChoice[] choices) =>
        new(header.Id, "chat.completion.chunk", header.Created, header.Model, choices);

    private ChatLogprobs? LogprobsOf(IEnumerable<GenerateReply> replies)
    {
        if (!showsLogprobs)
        {
            return null;
        }

        ChatTokenLogprob[] content = [.. replies.SelectMany(reply => reply.Logprobs).Select(logprob =>
            Entry(logprob.TokenId, logprob.Logprob) with
            {
                TopLogprobs = [.. logprob.Top.Select(top => Entry(top.TokenId, top.Logprob))],
            })];
        return content.Length == 0 ? null : new ChatLogprobs(content);
    }

    private ChatTokenLogprob Entry(int tokenId, float logprob)
    {
        ReadOnlySpan<byte> bytes = tokenizer.TokenBytes(tokenId);
        int[] numbers = new int[bytes.Length];
        for (int i = 0; i < numbers.Length; i++)
        {
            numbers[i] = bytes[i];
        }

        return new ChatTokenLogprob(Encoding.UTF8.GetString(bytes), logprob, numbers);
    }
}
