using KvCluster.Gateway.Admission;
using KvCluster.Gateway.Models;
using KvCluster.V1;

namespace KvCluster.Gateway.Generation;

/// <summary>Prompts in all their forms to token ids.</summary>
internal static class PromptTokens
{
    /// <exception cref="RequestFailedException">The prompt is missing, empty, or not of this model; names the field.</exception>
    public static int[] Of(GenerateRequest request, ServedModel model)
    {
        int[] ids = request.PromptCase switch
        {
            GenerateRequest.PromptOneofCase.Text => model.Tokenizer.Encode(request.Text),
            GenerateRequest.PromptOneofCase.TokenIds => Checked(request.TokenIds, model),
            GenerateRequest.PromptOneofCase.Chat => Rendered(request.Chat, model),
            _ => throw new RequestFailedException(RequestError.Invalid("prompt", "is missing; set text, token_ids or chat")),
        };
        return ids.Length > 0 ? ids : throw new RequestFailedException(RequestError.Invalid(FieldOf(request), "holds no tokens"));
    }

    /// <summary>The field that the prompt came in.</summary>
    public static string FieldOf(GenerateRequest request) => request.PromptCase switch
    {
        GenerateRequest.PromptOneofCase.Text => "text",
        GenerateRequest.PromptOneofCase.TokenIds => "token_ids",
        GenerateRequest.PromptOneofCase.Chat => "chat",
        _ => "prompt",
    };

    public static int[] Rendered(ChatMessages chat, ServedModel model)
    {
        Inference.Tokenizers.ChatMessage[] messages =
            [.. chat.Messages.Select(message => new Inference.Tokenizers.ChatMessage(message.Role, message.Content))];
        return model.ChatTemplate.TryRender(messages, addGenerationPrompt: true, out int[]? ids, out string? error)
            ? ids
            : throw new RequestFailedException(RequestError.Invalid("chat", error!));
    }

    private static int[] Checked(TokenIds tokenIds, ServedModel model)
    {
        foreach (int id in tokenIds.Ids)
        {
            if ((uint)id >= (uint)model.VocabularySize)
            {
                throw new RequestFailedException(
                    RequestError.Invalid("token_ids", $"ids are 0 to {model.VocabularySize - 1}, one is {id}"));
            }
        }

        return [.. tokenIds.Ids];
    }
}
