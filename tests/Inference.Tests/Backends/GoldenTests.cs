using System.Numerics.Tensors;
using System.Text.Json;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>The demo model against golden.json: transformers in 32-bit arithmetic on the same weights.</summary>
public sealed class GoldenTests
{
    private const float LogitTolerance = 2e-2f;
    private const double NllTolerance = 1e-3;

    internal static readonly GoldenCase[] Cases = Read();

    [Fact]
    public void Forward_GoldenCases_LastLogitsAgree()
    {
        using CpuModelRunner runner = DemoModel.Load("raw");
        foreach (GoldenCase golden in Cases)
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            float[] logits = Sequences.Prefill(runner, cache, golden.TokenIds, 512);
            int[] order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).Take(20)];
            // Where two logits are closer than the 16-bit KV can tell apart, their order is not the model's.
            Assert.Equal(golden.TopIds.Order(), order.Order());
            for (int i = 0; i < order.Length; i++)
            {
                Assert.InRange(logits[golden.TopIds[i]], golden.TopLogits[i] - LogitTolerance, golden.TopLogits[i] + LogitTolerance);
            }
        }
    }

    [Fact]
    public void Forward_GoldenCases_MeanNllAgrees()
    {
        using CpuModelRunner runner = DemoModel.Load("raw");
        foreach (GoldenCase golden in Cases.Where(golden => golden.MeanNll is not null))
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            Assert.InRange(MeanNll(runner, cache, golden.TokenIds), golden.MeanNll!.Value - NllTolerance, golden.MeanNll.Value + NllTolerance);
        }
    }

    [Fact]
    public void Forward_GoldenCases_GreedyTokensAgree()
    {
        using CpuModelRunner runner = DemoModel.Load("raw");
        int equal = 0;
        foreach (GoldenCase golden in Cases)
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            float[] logits = Sequences.Prefill(runner, cache, golden.TokenIds, 512);
            int[] greedy = Sequences.Greedy(runner, cache, logits, golden.GreedyIds.Length);
            equal += greedy.AsSpan().SequenceEqual(golden.GreedyIds) ? 1 : 0;
        }

        Assert.InRange(equal, 9, Cases.Length);
    }

    internal static double MeanNll(CpuModelRunner runner, SequenceCache cache, int[] tokenIds)
    {
        var batch = new StepBatch { WantsAllLogits = true };
        double sum = 0;
        for (int start = 0; start < tokenIds.Length - 1; start += 512)
        {
            int count = Math.Min(512, tokenIds.Length - 1 - start);
            batch.Clear();
            int entry = batch.Add(cache, tokenIds.AsSpan(start, count), wantsLogits: true);
            runner.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(entry));
            for (int i = 0; i < count; i++)
            {
                Span<float> logits = batch.Logits(entry, i);
                float maximum = TensorPrimitives.Max<float>(logits);
                double total = 0;
                foreach (float logit in logits)
                {
                    total += Math.Exp(logit - maximum);
                }

                sum += Math.Log(total) + maximum - logits[tokenIds[start + i + 1]];
            }
        }

        return sum / (tokenIds.Length - 1);
    }

    private static GoldenCase[] Read()
    {
        using Stream file = DataFile.OpenRead(DemoModel.GoldenPath);
        using JsonDocument document = JsonDocument.Parse(file);
        return document.RootElement.GetProperty("cases").Deserialize<GoldenCase[]>()!;
    }
}
