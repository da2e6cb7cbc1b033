namespace KvCluster.Compression.Saliency;

/// <summary>How it is measured what a token matters (ZipCache, arXiv 2405.14256, section 4.2): by the attention that probe rows pay to it.</summary>
/// <param name="Norm">What the sum of attention is divided by.</param>
/// <param name="ProbeFraction">Share of the rows that are probes: half of them the last ones, half drawn from the rest.</param>
/// <param name="AfterPrompt">
/// The papers' mode: probes are drawn from the whole prompt, and its Blocks are encoded after it. False: each Block has its own probes, so its bytes
/// depend on nothing that comes after it.
/// </param>
public sealed record SaliencyRule(SaliencyNorm Norm, double ProbeFraction, bool AfterPrompt)
{
    /// <summary>The probe rows of Blocks that are encoded on their own.</summary>
    public BlockProbes BlockProbes { get; } = new(ProbeFraction);
}
