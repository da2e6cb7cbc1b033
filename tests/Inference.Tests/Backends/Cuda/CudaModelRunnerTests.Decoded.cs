using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Codecs that kernels know by their tables only, and those whose payloads no kernel reads: of these the device has what they decode to.</summary>
public sealed partial class CudaModelRunnerTests
{
    private const string Projected = "pca(heads=2)+waterfill(keys=1.6,values=0.9)";

    [Theory]
    [InlineData("gear", 1e-2)]
    [InlineData("kivi4", 1e-2)]
    [InlineData("zipcache(high=8)", 1.5e-2)]
    [InlineData("zipcache(keys=channel)", 1.5e-2)]
    [InlineData("kvheads(keep=0.5)", 1.5e-2)]
    [InlineData("zack(accuracy=0.99)", 1.5e-2)]
    [InlineData(Projected, 1.5e-2)]
    [InlineData("zipcache+gear-l", 1.5e-2, true)]
    public void Forward_CodecOfTables_AgreesWithTheCpu(string spec, double tolerance, bool isDecoded = false)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        using CpuModelRunner cpu = DemoModel.Load(spec);
        Assert.Equal(isDecoded, gpu.AttendsDecoded);
        int[] text = [.. GoldenTests.Cases.SelectMany(golden => golden.TokenIds)];
        double mean = Compare(gpu, cpu, text, [3, 64, 700, 257], chunk: 192, steps: 70);
        Console.Error.WriteLine($"{spec}: mean logits error {mean:E2}");
        Assert.InRange(mean, 0, tolerance);
    }

    /// <summary>What the CPU encoded comes as from the store: both attend to those slabs.</summary>
    [Theory]
    [InlineData("gear(bits=2)")]
    [InlineData("kivi2")]
    [InlineData("zipcache(high=8)")]
    [InlineData(Projected)]
    public void Forward_BlocksThatTheCpuEncoded_AgreesWithTheCpu(string spec)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        using CpuModelRunner cpu = DemoModel.Load(spec);
        int[] text = GoldenTests.Cases[1].TokenIds[..(6 * KvGeometry.BlockTokenCount)];
        using SequenceCache source = Sequences.NewCache(cpu), onCpu = Sequences.NewCache(cpu), onGpu = Sequences.NewCache(gpu);
        Sequences.Prefill(cpu, source, text, 512);
        foreach (KvBlock block in source.Blocks.Take(5))
        {
            foreach (SequenceCache cache in (SequenceCache[])[onCpu, onGpu])
            {
                var shared = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
                for (int layer = 0; layer < block.LayerCount; layer++)
                {
                    shared.SetSlab(layer, block.Slab(layer)!.Share());
                }

                cache.AppendCachedBlock(shared, text.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
            }
        }

        double[] errors = [.. Enumerable.Range(5 * KvGeometry.BlockTokenCount, 30).Select(i => Distance(Step(gpu, onGpu, text[i]), Step(cpu, onCpu, text[i])))];
        Console.Error.WriteLine($"{spec}, encoded by the CPU: mean logits error {errors.Average():E2}");
        Assert.InRange(errors.Average(), 0, 1e-2);
    }

    /// <summary>The last chunks are of one token, of a few, and of more; the prompt fills its last Block or not.</summary>
    [Theory]
    [InlineData("zipcache(mode=paper)", 449, 64)]
    [InlineData("zipcache(mode=paper)", 448, 100)]
    [InlineData("zipcache(keybits=mixed,low=3,mode=paper)", 460, 192)]
    public void Forward_PaperMode_PromptAttendsIn16BitsAndIsEncodedAfterIt(string spec, int length, int chunk)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes), raw = CudaRunners.Demo("raw", PageBytes);
        using CpuModelRunner cpu = DemoModel.Load(spec);
        int[] text = GoldenTests.Cases[1].TokenIds[..(length + 80)];
        using SequenceCache onGpu = Sequences.NewCache(gpu), onCpu = Sequences.NewCache(cpu), plain = Sequences.NewCache(raw);
        var sink = new CountingSink();
        onGpu.BeginPrompt(length);
        onCpu.BeginPrompt(length);
        float[] logits = Sequences.Prefill(gpu, onGpu, text.AsSpan(0, length), chunk, sink);
        Assert.InRange(Distance(logits, Sequences.Prefill(raw, plain, text.AsSpan(0, length), chunk)), 0, 1e-2);
        Sequences.Prefill(cpu, onCpu, text.AsSpan(0, length), chunk);
        Assert.Equal(0, onGpu.DeferredTokenCount);
        Assert.Equal(length / KvGeometry.BlockTokenCount * gpu.Geometry.LayerCount, sink.Count);

        double[] errors = [.. Enumerable.Range(length, 80).Select(i => Distance(Step(gpu, onGpu, text[i]), Step(cpu, onCpu, text[i])))];
        Console.Error.WriteLine($"{spec}, {length} tokens by {chunk}: mean logits error {errors.Average():E2}");
        Assert.InRange(errors.Average(), 0, 1.5e-2);
        Assert.Equal(onCpu.Blocks.Select(block => block.BlockId), onGpu.Blocks.Select(block => block.BlockId));
        Assert.All(onGpu.Blocks, block => Assert.All(
            Enumerable.Range(0, block.LayerCount), layer => Assert.True(gpu.Codec.IsWellFormed(layer, block.Payload(layer)))));

        // In another cache, as of a decode worker, the same slabs give the same K and V.
        using SequenceCache copy = Sequences.NewCache(gpu);
        foreach (KvBlock block in onGpu.Blocks)
        {
            var shared = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
            for (int layer = 0; layer < block.LayerCount; layer++)
            {
                shared.SetSlab(layer, block.Slab(layer)!.Share());
            }

            copy.AppendCachedBlock(shared, text.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
        }

        onGpu.TruncateTo(onGpu.SealedTokenCount);
        Assert.InRange(Distance(Step(gpu, copy, 11), Step(gpu, onGpu, 11)), 0, 1e-6);
    }
}
