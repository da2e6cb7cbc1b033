namespace KvCluster.Gateway.OpenAi;

/// <summary>One entry a token in each; offsets in characters from the beginning of the answer's text.</summary>
internal sealed record TextLogprobs(
    string[] Tokens, float[] TokenLogprobs, Dictionary<string, float>[] TopLogprobs, int[] TextOffset);
