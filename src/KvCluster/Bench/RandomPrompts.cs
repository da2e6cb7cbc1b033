namespace KvCluster.CommandLine.Bench;

/// <summary>Prompts of which no two begin alike: any spread of ids does. Not for several callers at a time.</summary>
internal sealed class RandomPrompts(int seed)
{
    private const int LeastId = 256;
    private const int EndId = 4096;
    private readonly Random _random = new(seed);

    public int[] Next(int tokenCount) => [.. Enumerable.Range(0, tokenCount).Select(_ => _random.Next(LeastId, EndId))];

    /// <summary>A request whose answer is always <paramref name="maxTokens"/> long; greedy unless a temperature is given.</summary>
    public static V1.GenerateRequest Request(int[] prompt, int maxTokens, float temperature = 0)
    {
        var request = new V1.GenerateRequest
        {
            TokenIds = new V1.TokenIds(),
            Sampling = new V1.Sampling { Temperature = temperature, MaxTokens = maxTokens, IgnoreEos = true },
        };
        request.TokenIds.Ids.AddRange(prompt);
        return request;
    }
}
