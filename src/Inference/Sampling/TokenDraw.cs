namespace KvCluster.Inference.Sampling;

/// <summary>All that the choice of a token depends on besides its logits, where nothing else is wanted of them: a runner may make it where the logits are.</summary>
/// <param name="Temperature">0: the greatest logit, the first of several.</param>
/// <param name="TopK">As in <see cref="SamplingParameters"/>, as are the next two.</param>
/// <param name="TopP">Likewise.</param>
/// <param name="MinP">Likewise.</param>
/// <param name="Uniform">What falls to the draw, in [0, 1).</param>
public readonly record struct TokenDraw(float Temperature, int TopK, float TopP, float MinP, double Uniform)
{
    /// <summary>The greatest logit.</summary>
    public static TokenDraw Greedy { get; } = new(0, 0, 1, 0, 0);

    public bool IsGreedy => Temperature == 0;

    /// <summary>Draws in falling order of weight, and not of the tokens' ids.</summary>
    internal bool IsSorted(int vocabularySize) => TopP < 1 || (TopK > 0 && TopK < vocabularySize);
}
