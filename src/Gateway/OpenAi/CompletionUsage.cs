using KvCluster.V1;

namespace KvCluster.Gateway.OpenAi;

internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens, int TotalTokens, PromptTokensDetails PromptTokensDetails)
{
    /// <summary>Answers to one prompt count it once.</summary>
    public static CompletionUsage Of(IReadOnlyList<Usage> usages, int choicesPerPrompt)
    {
        Usage[] prompts = [.. usages.Where((_, index) => index % choicesPerPrompt == 0)];
        int promptTokens = prompts.Sum(usage => usage.PromptTokens);
        int completionTokens = usages.Sum(usage => usage.CompletionTokens);
        var details = new PromptTokensDetails(prompts.Sum(usage => usage.CachedTokens));
        return new CompletionUsage(promptTokens, completionTokens, promptTokens + completionTokens, details);
    }
}

internal sealed record PromptTokensDetails(int CachedTokens);
