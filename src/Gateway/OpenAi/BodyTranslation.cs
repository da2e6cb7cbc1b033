using System.Text.Json;
using KvCluster.Gateway.Authentication;
using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

/// <summary>Bodies to request messages.</summary>
internal sealed class BodyTranslation(GatewayOptions options, ApiKeys keys)
{
    private const string TenantHeader = "X-Tenant";

    /// <exception cref="ApiException">A field is missing, out of its limits or not supported.</exception>
    public AnswerPlan Translate(ChatBody body, HttpContext context, string id)
    {
        CheckShared(body);
        if (body.Messages is not { Length: > 0 })
        {
            throw ApiException.Invalid("messages: must hold at least one message", "messages");
        }

        var chat = new ChatMessages();
        for (int i = 0; i < body.Messages.Length; i++)
        {
            ChatBodyMessage message = body.Messages[i]
                ?? throw ApiException.Invalid($"messages[{i}]: must be an object", $"messages[{i}]");
            string role = message.Role ?? throw ApiException.Invalid($"messages[{i}].role: is missing", $"messages[{i}].role");
            string content = message.Content ?? throw ApiException.Invalid($"messages[{i}].content: is missing", $"messages[{i}].content");
            chat.Messages.Add(new ChatMessage { Role = role == "developer" ? "system" : role, Content = content });
        }

        Sampling sampling = CreateSampling(body);
        if (body.TopLogprobs is not null && body.Logprobs != true)
        {
            throw ApiException.Invalid("top_logprobs: needs logprobs to be true", "top_logprobs");
        }

        if (body.Logprobs == true)
        {
            sampling.Logprobs = body.TopLogprobs ?? 0;
        }

        return CreatePlan(body, context, id, sampling, [new GenerateRequest { Chat = chat }]);
    }

    /// <exception cref="ApiException">A field is missing, out of its limits or not supported.</exception>
    public AnswerPlan Translate(TextBody body, HttpContext context, string id)
    {
        CheckShared(body);
        if (body.Prompt is not { Length: > 0 })
        {
            throw ApiException.Invalid("prompt: is missing or empty", "prompt");
        }

        if (body.BestOf is { } best && best != (body.N ?? 1))
        {
            throw ApiException.Invalid("best_of: is not supported other than equal to n", "best_of", "unsupported_parameter");
        }

        if (body.Echo == true && body.Logprobs is not null)
        {
            throw ApiException.Invalid("echo: is not supported together with logprobs", "echo", "unsupported_parameter");
        }

        Sampling sampling = CreateSampling(body);
        if (body.Logprobs is { } logprobs)
        {
            sampling.Logprobs = logprobs;
        }

        return CreatePlan(body, context, id, sampling, [.. body.Prompt.Select(CreateRequest)]);
    }

    private static GenerateRequest CreateRequest(PromptInput prompt)
    {
        if (prompt.Text is not null)
        {
            return new GenerateRequest { Text = prompt.Text };
        }

        var tokenIds = new TokenIds();
        tokenIds.Ids.AddRange(prompt.TokenIds);
        return new GenerateRequest { TokenIds = tokenIds };
    }

    private static void CheckShared(GenerationBody body)
    {
        if (string.IsNullOrEmpty(body.Model))
        {
            throw ApiException.Invalid("model: is missing; /v1/models lists what is served", "model");
        }

        foreach ((string name, JsonElement? value) in body.Unsupported)
        {
            if (value is { } element && !IsNeutral(name, element))
            {
                throw ApiException.Invalid($"{name}: is not supported", name, "unsupported_parameter");
            }
        }
    }

    /// <summary>Whether the value asks for nothing.</summary>
    private static bool IsNeutral(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.Undefined or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Object when name == "response_format" =>
            value.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("text"),
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static Sampling CreateSampling(GenerationBody body)
    {
        var sampling = new Sampling { IgnoreEos = body.IgnoreEos ?? false };
        Set(body.MaxCompletionTokens ?? body.MaxTokens, value => sampling.MaxTokens = value);
        Set(body.Temperature, value => sampling.Temperature = value);
        Set(body.TopP, value => sampling.TopP = value);
        Set(body.TopK is -1 ? 0 : body.TopK, value => sampling.TopK = value);
        Set(body.MinP, value => sampling.MinP = value);
        Set(body.RepetitionPenalty, value => sampling.RepetitionPenalty = value);
        Set(body.PresencePenalty, value => sampling.PresencePenalty = value);
        Set(body.FrequencyPenalty, value => sampling.FrequencyPenalty = value);
        Set(body.Seed, value => sampling.Seed = unchecked((ulong)value));
        sampling.Stop.AddRange(body.Stop ?? []);
        sampling.StopTokenIds.AddRange(body.StopTokenIds ?? []);
        return sampling;
    }

    private static void Set<T>(T? value, Action<T> assign)
        where T : struct
    {
        if (value is { } given)
        {
            assign(given);
        }
    }

    private AnswerPlan CreatePlan(GenerationBody body, HttpContext context, string id, Sampling sampling, GenerateRequest[] prompts)
    {
        int n = body.N ?? 1;
        if (n < 1 || (long)n * prompts.Length > options.MaxChoices)
        {
            throw ApiException.Invalid($"n: must be at least 1, and prompts times n at most {options.MaxChoices}", "n");
        }

        string named = context.Request.Headers[TenantHeader].ToString() is { Length: > 0 } header ? header : body.User ?? "";
        if (!keys.TryFindTenant(context.Request.Headers.Authorization, named, out string? tenant))
        {
            throw ApiErrors.Unauthenticated();
        }

        var requests = new List<GenerateRequest>(n * prompts.Length);
        foreach (GenerateRequest prompt in prompts)
        {
            for (int i = 0; i < n; i++)
            {
                GenerateRequest request = prompt.Clone();
                request.Model = body.Model;
                request.Tenant = tenant;
                request.RequestId = n * prompts.Length == 1 ? id : $"{id}-{requests.Count}";
                request.Sampling = sampling.Clone();
                if (sampling.HasSeed)
                {
                    request.Sampling.Seed = unchecked(sampling.Seed + (ulong)i);
                }

                requests.Add(request);
            }
        }

        return new AnswerPlan(requests, n, body.Stream ?? false, body.StreamOptions?.IncludeUsage ?? false, RenamingOf(body));
    }

    private static Func<string, string> RenamingOf(GenerationBody body) => field => field switch
    {
        "text" or "token_ids" => "prompt",
        "chat" => "messages",
        "max_tokens" when body.MaxCompletionTokens is not null => "max_completion_tokens",
        "logprobs" when body is ChatBody => "top_logprobs",
        _ => field,
    };
}
