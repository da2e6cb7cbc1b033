using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>The engine against the plain forward pass in double precision, for every architecture variant.</summary>
public sealed class ReferenceTests
{
    private static readonly Dictionary<string, (ModelConfig Config, string Type)> Variants = new()
    {
        ["llama"] = (TinyModel.Llama, "BF16"),
        ["llama-one-kv-head"] = (TinyModel.Llama with { KvHeadCount = 1, HeadSize = 32 }, "F32"),
        ["llama-tied"] = (TinyModel.Llama with { TieWordEmbeddings = true, KvHeadCount = 4 }, "F16"),
        ["llama-all-biases"] = (TinyModel.Llama with { AttentionBias = true, AttentionOutputBias = true, MlpBias = true }, "F32"),
        ["llama3-rope"] = (TinyModel.Llama with
        {
            HeadSize = 48,
            RopeTheta = 500_000,
            RopeScaling = new RopeScaling { Kind = RopeScalingKind.Llama3, Factor = 8, OriginalMaxPositionCount = 32 },
        }, "BF16"),
        ["mistral"] = (TinyModel.Llama with { Architecture = ModelArchitecture.Mistral, IntermediateSize = 128 }, "BF16"),
        ["qwen2"] = (TinyModel.Llama with { Architecture = ModelArchitecture.Qwen2, AttentionBias = true, HiddenSize = 72 }, "BF16"),
        ["qwen3"] = (TinyModel.Llama with { Architecture = ModelArchitecture.Qwen3, QkNorm = true, HeadSize = 64 }, "BF16"),
    };

    public static TheoryData<string> Names => [.. Variants.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Forward_EveryArchitecture_AgreesWithReference(string name)
    {
        using var model = new TinyModel(Variants[name].Config, Variants[name].Type);
        using CpuModelRunner runner = model.Load("raw");
        using SequenceCache cache = Sequences.NewCache(runner);
        var reference = new ReferenceModel(model.Source);
        int[] prompt = model.Prompt(150);
        var batch = new StepBatch { WantsAllLogits = true };
        batch.Add(cache, prompt, wantsLogits: true);
        runner.Forward(batch);
        double worst = 0;
        double sum = 0;
        for (int i = 0; i < prompt.Length; i++)
        {
            double[] expected = reference.Forward(prompt[i]);
            Span<float> logits = batch.Logits(0, i);
            for (int id = 0; id < expected.Length; id++)
            {
                worst = Math.Max(worst, Math.Abs(expected[id] - logits[id]));
                sum += Math.Abs(expected[id] - logits[id]);
            }
        }

        // Both round K and V to 16 bits; a value on the edge may fall to either side, one part in 2,048 of it, here and there.
        Assert.InRange(sum / (prompt.Length * model.Source.Config.VocabularySize), 0, 1e-4);
        Assert.InRange(worst, 0, 5e-3);
    }

    [Fact]
    public void Forward_DemoModel_AgreesWithExactArithmetic()
    {
        using CpuModelRunner runner = DemoModel.Load("raw");
        foreach (GoldenCase golden in GoldenTests.Cases.Where(golden => golden.TokenIds.Length < 60))
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            float[] logits = Sequences.Prefill(runner, cache, golden.TokenIds, 512);
            var reference = new ReferenceModel(DemoModel.Source);
            double[] expected = [];
            foreach (int tokenId in golden.TokenIds)
            {
                expected = reference.Forward(tokenId);
            }

            for (int id = 0; id < expected.Length; id++)
            {
                Assert.InRange(logits[id], expected[id] - 0.02, expected[id] + 0.02);
            }
        }
    }
}
