using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>The forward pass on a GPU against transformers and against the CPU; skipped without one.</summary>
public sealed partial class CudaModelRunnerTests(ITestOutputHelper output)
{
    /// <summary>‖gpu - cpu‖ / ‖cpu‖ of a row of logits: activations in bf16 against 32 bits. Of a text, on average.</summary>
    private const double LogitsTolerance = 3e-2;

    private const float Margin = 0.1f;
    private const long PageBytes = 512 << 20;

    [Fact]
    public void Load_WithoutGpu_SaysSoInOneLine()
    {
        Assert.SkipWhen(CudaRunners.HasGpu, "There is a GPU here.");

        var error = Assert.Throws<ModelLoadException>(() => CudaRunners.Demo("raw", PageBytes));
        Assert.StartsWith("No CUDA: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_CodecThatLeavesTokensOut_SaysSo()
    {
        var error = Assert.Throws<ModelLoadException>(() => CudaRunners.Demo("evict(keep=0.5)", PageBytes));
        Assert.Contains("evict(keep=0.5)", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Load_HeadsOfAnotherSize_SaysSo()
    {
        using var model = new TinyModel(TinyModel.Llama);

        var error = Assert.Throws<ModelLoadException>(() => CudaRunners.Tiny(model, "raw"));
        Assert.Contains("16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_GoldenCases_TopTokenAndGreedyAgree()
    {
        Gpu.Required();
        using CudaModelRunner runner = CudaRunners.Demo("raw", PageBytes);
        float worst = 0;
        int equal = 0, same = 0, tokens = 0;
        foreach (GoldenCase golden in GoldenTests.Cases)
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            float[] logits = Sequences.Prefill(runner, cache, golden.TokenIds, 512);
            for (int i = 0; i < golden.TopIds.Length; i++)
            {
                worst = Math.Max(worst, Math.Abs(logits[golden.TopIds[i]] - golden.TopLogits[i]));
            }

            if (golden.TopLogits[0] - golden.TopLogits[1] > Margin)
            {
                Assert.Equal(golden.TopIds[0], TensorPrimitives.IndexOfMax(logits));
            }

            int[] greedy = Sequences.Greedy(runner, cache, logits, golden.GreedyIds.Length);
            equal += greedy.AsSpan().SequenceEqual(golden.GreedyIds) ? 1 : 0;
            same += greedy.AsSpan().CommonPrefixLength(golden.GreedyIds);
            tokens += golden.GreedyIds.Length;
        }

        output.WriteLine($"largest logit error {worst:F4}; {equal} of {GoldenTests.Cases.Length} greedy runs equal, {same} of {tokens} tokens before the first other one");
        Console.Error.WriteLine($"golden: largest logit error {worst:F4}; {equal} of {GoldenTests.Cases.Length} greedy runs equal, {same} of {tokens} tokens before the first other one");
        Assert.InRange(worst, 0, 0.5f);
        Assert.InRange(same, tokens / 2, tokens);
    }

    [Theory]
    [InlineData("raw", true, 1e-2)]
    [InlineData("raw", false, 1e-2)]
    [InlineData("int8", true, 1e-2)]
    [InlineData("int4", true, 1.5e-2)]
    [InlineData("int4", false, 1.5e-2)]
    [InlineData("int2", true, 4e-2)]
    [InlineData("zipcache(keybits=mixed,low=3)", true, 4e-2)]
    [InlineData("zipcache(keybits=mixed)", true, 4e-2)]
    [InlineData("zipcache", true, 1.5e-2)]
    [InlineData("zipcache(low=3,salient=0.5)", true, 1.5e-2)]
    public void Forward_PrefillAndDecodeOfABatch_AgreesWithTheCpu(string spec, bool usesGraphs, double tolerance)
    {
        // Where a rounded K or V is near the border of two codes, the two backends choose different ones: the fewer bits, the more that matters.
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        gpu.UsesGraphs = usesGraphs;
        using CpuModelRunner cpu = DemoModel.Load(spec);
        int[] text = [.. GoldenTests.Cases.SelectMany(golden => golden.TokenIds)];
        double mean = Compare(gpu, cpu, text, [3, 64, 700, 257], chunk: 192, steps: 70);
        Console.Error.WriteLine($"{spec}, graphs {usesGraphs}: mean logits error {mean:E2}; host time of the last step {gpu.HostTime.TotalMicroseconds:F0} us");
        Assert.InRange(mean, 0, tolerance);
    }

    [Fact]
    public void Forward_ModelsWithBiasesAndNorms_AgreesWithTheCpu()
    {
        Gpu.Required();
        foreach (ModelConfig config in (ModelConfig[])
        [
            TinyModel.Llama with { HeadSize = 64 },
            TinyModel.Llama with { HeadSize = 128, HeadCount = 4, KvHeadCount = 1, AttentionBias = true, AttentionOutputBias = true, MlpBias = true },
            TinyModel.Llama with { HeadSize = 64, QkNorm = true, TieWordEmbeddings = true, IntermediateSize = 131 },
        ])
        {
            using var model = new TinyModel(config);
            using CudaModelRunner gpu = CudaRunners.Tiny(model, "int8");
            using CpuModelRunner cpu = model.Load("int8");
            double mean = Compare(gpu, cpu, model.Prompt(500), [130, 65], chunk: 128, steps: 3);
            Console.Error.WriteLine($"tiny model of {config.HeadCount} heads of {config.HeadSize}: mean logits error {mean:E2}");
            Assert.InRange(mean, 0, LogitsTolerance);
        }
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    [InlineData("zipcache(keybits=mixed,low=3)")]
    [InlineData("zipcache")]
    [InlineData("zipcache(high=8)")]
    [InlineData("gear")]
    public void ExportTail_AfterPrefillAndDecode_CarriesOnElsewhere(string spec)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        using CpuModelRunner cpu = DemoModel.Load(spec);
        int[] tokenIds = [.. Enumerable.Range(0, 300).Select(i => 5 + (i * 7919 % 1000))];
        using SequenceCache source = Sequences.NewCache(gpu);
        Sequences.Prefill(gpu, source, tokenIds.AsSpan(0, 290), 512);
        float[] expected = Step(gpu, source, tokenIds[290]);
        source.TruncateTo(290);
        using SequenceCache onGpu = Copy(source, tokenIds), onCpu = Copy(source, tokenIds);

        Assert.InRange(Distance(Step(gpu, onGpu, tokenIds[290]), expected), 0, 1e-6);
        Assert.InRange(Distance(Step(cpu, onCpu, tokenIds[290]), expected), 0, 0.1);
        Step(gpu, source, tokenIds[290]);
        for (int i = 291; i < 330; i++)
        {
            Assert.InRange(Distance(Step(gpu, onGpu, tokenIds[i - 100]), Step(gpu, source, tokenIds[i - 100])), 0, 1e-6);
        }

        // Its probes came with the Tail.
        Assert.Equal(5, onGpu.Blocks.Count);
        for (int layer = 0; layer < gpu.Geometry.LayerCount; layer++)
        {
            Assert.True(onGpu.Blocks[4].Slab(layer)!.Span.SequenceEqual(source.Blocks[4].Slab(layer)!.Span), $"layer {layer}");
        }

        static SequenceCache Copy(SequenceCache from, int[] tokenIds)
        {
            var copy = new SequenceCache(from.Codec, from.Root, from.ModelFingerprint, 1, SlabPool.Shared, 512);
            foreach (KvBlock block in from.Blocks)
            {
                var shared = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
                for (int layer = 0; layer < block.LayerCount; layer++)
                {
                    shared.SetSlab(layer, block.Slab(layer)!.Share());
                }

                copy.AppendCachedBlock(shared, tokenIds.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
            }

            for (int layer = 0; layer < from.Geometry.LayerCount; layer++)
            {
                using SlabLease tail = from.ExportTail(layer);
                Assert.Equal(SlabError.None, copy.ImportTail(layer, tail.Span[Slab.HeaderSizeBytes..], from.TailTokenIds));
            }

            return copy;
        }
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    [InlineData("int2")]
    [InlineData("gear")]
    [InlineData("gear-l(bits=2)")]
    [InlineData("int3")]
    [InlineData("kivi2")]
    [InlineData("zack(accuracy=0.99)")]
    [InlineData("kvheads(keep=0.5)+gear")]
    [InlineData(Projected)]
    public void Forward_EncodedByKernelsOrByTheHost_SlabsAreTheSame(string spec)
    {
        Gpu.Required();
        int[] text = GoldenTests.Cases[1].TokenIds[..450];
        using CudaModelRunner onDevice = CudaRunners.Demo(spec, PageBytes), onHost = CudaRunners.Demo(spec, PageBytes, encodesOnDevice: false);
        using SequenceCache device = Sequences.NewCache(onDevice), host = Sequences.NewCache(onHost);
        foreach ((CudaModelRunner runner, SequenceCache cache) in ((CudaModelRunner, SequenceCache)[])[(onDevice, device), (onHost, host)])
        {
            Sequences.Prefill(runner, cache, text.AsSpan(0, 350), 100);
            for (int i = 350; i < text.Length; i++)
            {
                Step(runner, cache, text[i]);
            }
        }

        Assert.Equal(7, device.Blocks.Count);
        for (int block = 0; block < device.Blocks.Count; block++)
        {
            for (int layer = 0; layer < device.Geometry.LayerCount; layer++)
            {
                Assert.True(device.Blocks[block].Slab(layer)!.Span.SequenceEqual(host.Blocks[block].Slab(layer)!.Span), $"block {block}, layer {layer}");
            }
        }
    }

    /// <summary>Prefills, then decodes all Sequences together on both; the mean error of all logits.</summary>
    private static double Compare(CudaModelRunner gpu, CpuModelRunner cpu, int[] text, int[] lengths, int chunk, int steps)
    {
        SequenceCache[] onGpu = [.. lengths.Select(_ => Sequences.NewCache(gpu))], onCpu = [.. lengths.Select(_ => Sequences.NewCache(cpu))];
        var errors = new List<double>();
        for (int i = 0; i < lengths.Length; i++)
        {
            ReadOnlySpan<int> prompt = text.AsSpan(0, lengths[i]);
            errors.Add(Distance(Sequences.Prefill(gpu, onGpu[i], prompt, chunk), Sequences.Prefill(cpu, onCpu[i], prompt, chunk)));
        }

        StepBatch gpuBatch = new(), cpuBatch = new();
        for (int step = 0; step < steps; step++)
        {
            gpuBatch.Clear();
            cpuBatch.Clear();
            for (int i = 0; i < lengths.Length; i++)
            {
                int token = text[lengths[i] + step];
                gpuBatch.Add(onGpu[i], token, wantsLogits: true);
                cpuBatch.Add(onCpu[i], token, wantsLogits: true);
            }

            gpu.Forward(gpuBatch);
            cpu.Forward(cpuBatch);
            for (int i = 0; i < lengths.Length; i++)
            {
                Assert.Equal(StepFailure.None, gpuBatch.Failure(i));
                errors.Add(Distance(gpuBatch.Logits(i), cpuBatch.Logits(i)));
                Assert.Equal(TensorPrimitives.IndexOfMax<float>(gpuBatch.Logits(i)), gpuBatch.TopToken(i));
            }
        }

        for (int i = 0; i < lengths.Length; i++)
        {
            Assert.Equal(onCpu[i].Blocks.Select(block => block.BlockId), onGpu[i].Blocks.Select(block => block.BlockId));
            Assert.All(onGpu[i].Blocks, block => Assert.True(block.IsComplete));
            onGpu[i].Dispose();
            onCpu[i].Dispose();
        }

        return errors.Average();
    }

    private static float[] Step(IModelRunner runner, SequenceCache cache, int tokenId)
    {
        var batch = new StepBatch();
        batch.Add(cache, tokenId, wantsLogits: true);
        runner.Forward(batch);
        Assert.Equal(StepFailure.None, batch.Failure(0));
        return batch.Logits(0).ToArray();
    }

    private static double Distance(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected) => AttentionCase.Error(actual.ToArray(), expected.ToArray());

    private sealed class CountingSink : ISlabSink
    {
        public int Count { get; private set; }

        public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer) => Count++;
    }
}

/// <summary>Runners for tests, with little device memory.</summary>
internal static class CudaRunners
{
    public static bool HasGpu => Inference.Backends.Cuda.Interop.CudaDevice.TryOpen(0, out _, out _);

    public static CudaModelRunner Demo(string spec, long pageBytes, bool encodesOnDevice = true) => Load(DemoModel.Source, DemoModel.Codec(spec), pageBytes, encodesOnDevice);

    public static CudaModelRunner Tiny(TinyModel model, string spec) => Load(
        model.Source, CodecRegistry.Create(spec, ModelKvGeometry.Of(model.Source.Config)), 64 << 20, encodesOnDevice: true);

    private static CudaModelRunner Load(CpuModelSource source, KvCodec codec, long pageBytes, bool encodesOnDevice) =>
        CudaModelRunner.Load(new CudaModelSource(source.Path, source.Config, source.Tensors, source.Fingerprint), codec, pageBytes: pageBytes, encodesOnDevice: encodesOnDevice);
}
