using System.Text.Json;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;
using KvCluster.Inference.Tokenizers;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>
/// ZipCache (arXiv 2405.14256, section 4.3): some rows say about as much as all of them. The demo model attends locally and has no sink, so that
/// 0.95 takes 30 % of the rows here (measured: 0.63, 0.77, 0.92, 0.95 and 0.98 for 5, 10, 20, 30 and 50 %).
/// </summary>
public sealed class ProbeCorrelationTests(ITestOutputHelper output)
{
    [Fact]
    public void PromptSaliency_MoreProbes_ApproachesAllRows()
    {
        double tenth = MeanCorrelation(0.1, "probes");
        double third = MeanCorrelation(0.3, "probes");
        Assert.InRange(tenth, 0.7, third);
        Assert.InRange(third, 0.94, 1);
    }

    [Fact]
    public void PromptSaliency_Normalised_IsCloserToAllRowsThanAccumulated() =>
        Assert.InRange(MeanCorrelation(0.1, "probes"), 0.2 + MeanCorrelation(0.1, "none"), 1);

    /// <summary>Pearson's correlation over the tokens of a prompt, mean over layers.</summary>
    private double MeanCorrelation(double fraction, string norm)
    {
        int[] prompt = Prompt();
        using CpuModelRunner some = DemoModel.Load(FormattableString.Invariant($"zipcache(high=8,low=4,salient=0.5,probes={fraction},norm={norm})"));
        using CpuModelRunner all = DemoModel.Load($"zipcache(high=8,low=4,salient=0.5,probes=1,norm={norm})");
        double[] correlations = [.. Saliency(some, prompt).Zip(Saliency(all, prompt), Correlation)];
        output.WriteLine(FormattableString.Invariant($"{norm} {fraction}: {string.Join(" ", correlations.Select(c => c.ToString("0.000")))}"));
        return correlations.Average();
    }

    private static int[] Prompt()
    {
        string path = Path.Combine(Path.GetDirectoryName(DemoModel.GoldenPath)!, "validation.jsonl.gz");
        string text = DataFile.ReadLines(path)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .First(row => row.GetProperty("task").GetString() == "line_retrieval_80").GetProperty("prompt").GetString()!;
        return Tokenizer.Load(Path.Combine(Path.GetDirectoryName(DemoModel.GoldenPath)!, "model", "tokenizer.json")).Encode(text);
    }

    /// <summary>By layer and token of the whole Blocks.</summary>
    private static float[][] Saliency(CpuModelRunner runner, int[] prompt)
    {
        using SequenceCache cache = Sequences.NewCache(runner);
        cache.Probes!.BeginPrompt(prompt.Length);
        Sequences.Prefill(runner, cache, prompt, 512);
        using var job = new PromptSaliencyJob(runner.Config, runner.Codec, new RawCodec(runner.Geometry), ComputePool.Shared.WorkerCount);
        return [.. Enumerable.Range(0, runner.Geometry.LayerCount).Select(layer => job.Run(ComputePool.Shared, cache, layer)[..cache.SealedTokenCount].ToArray())];
    }

    private static double Correlation(float[] x, float[] y)
    {
        double meanX = x.Average();
        double meanY = y.Average();
        double cross = x.Zip(y, (a, b) => (a - meanX) * (b - meanY)).Sum();
        return cross / Math.Sqrt(x.Sum(a => (a - meanX) * (a - meanX)) * y.Sum(b => (b - meanY) * (b - meanY)));
    }
}
