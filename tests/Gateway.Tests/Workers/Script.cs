namespace KvCluster.Gateway.Tests.Workers;

/// <summary>The "model" of test workers: the next token is a function of all tokens before it.</summary>
internal sealed class Script
{
    public const ulong ModelFingerprint = 11;
    public const ulong CodecFingerprint = 22;

    /// <summary>Set to force what follows the prompt, by place; then the hash again.</summary>
    public int[] Answer { get; set; } = [];

    /// <summary>Tokens that the hash chooses from.</summary>
    public required int[] Alphabet { get; init; }

    public int Next(IReadOnlyList<int> tokenIds, int promptTokenCount)
    {
        int place = tokenIds.Count - promptTokenCount;
        if (place < Answer.Length)
        {
            return Answer[place];
        }

        uint hash = 2166136261;
        foreach (int id in tokenIds)
        {
            hash = (hash ^ (uint)id) * 16777619;
        }

        return Alphabet[(hash >> 8) % Alphabet.Length];
    }

    public int[] Continue(int[] promptTokenIds, int count)
    {
        var tokens = new List<int>(promptTokenIds);
        for (int i = 0; i < count; i++)
        {
            tokens.Add(Next(tokens, promptTokenIds.Length));
        }

        return [.. tokens.Skip(promptTokenIds.Length)];
    }
}
