using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;

namespace KvCluster.Inference.Tests.Backends.Cuda;

public sealed partial class CudaModelRunnerTests
{
    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    [InlineData("zipcache")]
    public async Task BeginUpload_SlabsAsTheyCome_SameLogitsAndNoPageIsLost(string spec)
    {
        const int BlockCount = 5;
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        int[] text = GoldenTests.Cases[1].TokenIds[..((BlockCount + 1) * KvGeometry.BlockTokenCount)];
        using SequenceCache source = Sequences.NewCache(gpu);
        Sequences.Prefill(gpu, source, text, 512);
        var blocks = new SequenceBlocks(source.Root, text[..(BlockCount * KvGeometry.BlockTokenCount)], hasTail: false);
        using SequenceCache byStep = Sequences.NewCache(gpu), before = Sequences.NewCache(gpu);
        using (BlockIntake intake = Filled(null, BlockCount))
        {
            await intake.MoveToAsync(byStep, blocks.TokenCount);
        }

        float[] expected = Step(gpu, byStep, text[blocks.TokenCount]);
        long free = gpu.PageTokenCounts.Free;
        await using (Filled(gpu.BeginUpload(BlockCount), BlockCount - 2))
        {
            // The caller gave up.
        }

        Assert.Equal(free, gpu.PageTokenCounts.Free);
        await using (BlockIntake intake = Filled(gpu.BeginUpload(BlockCount), BlockCount))
        {
            await intake.MoveToAsync(before, blocks.TokenCount);
        }

        Assert.Equal(BlockCount, Assert.IsType<CudaSequence>(before.Mirror).Sealed.Length);
        Assert.Equal(free - blocks.TokenCount, gpu.PageTokenCounts.Free);
        Assert.Equal(expected, Step(gpu, before, text[blocks.TokenCount]));

        BlockIntake Filled(IBlockUpload? upload, int blockCount)
        {
            var intake = new BlockIntake(gpu.Codec, gpu.ModelFingerprint, blocks, 512, upload);
            foreach (KvBlock block in source.Blocks.Take(blockCount))
            {
                for (int layer = 0; layer < block.LayerCount; layer++)
                {
                    SlabLease slab = block.Slab(layer)!;
                    Assert.Equal(SlabError.None, Slab.Verify(slab.Span, intake.Expectation(block.BlockId), out SlabHeader header));
                    Assert.Equal(SlabError.None, intake.Add(header, slab.Share()));
                }
            }

            return intake;
        }
    }

    [Theory]
    [InlineData("raw")]
    [InlineData("int4")]
    public void Forward_ScratchHeldNaN_AgreesWithTheCpu(string spec)
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo(spec, PageBytes);
        using CpuModelRunner cpu = DemoModel.Load(spec);
        int[] text = [.. GoldenTests.Cases.SelectMany(golden => golden.TokenIds)];

        // What the runner allocates at its first step was theirs; 38 rows are computed as 48.
        using (var scratch = new DeviceScratch())
        {
            for (int i = 0; i < 64; i++)
            {
                scratch.Poisoned<byte>(1 << (12 + (i % 13)));
            }
        }

        Assert.InRange(Compare(gpu, cpu, text, [17, 21], chunk: 64, steps: 3), 0, LogitsTolerance);
    }

    [Fact]
    public void Forward_NoPagesLeft_FailsAloneAndGoesOnLater()
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo("raw", 6 << 20);
        int room = (int)gpu.PageTokenCounts.All;
        using SequenceCache small = Sequences.NewCache(gpu);
        using (SequenceCache large = Sequences.NewCache(gpu))
        {
            var batch = new StepBatch();
            batch.Add(small, [7, 8, 9], wantsLogits: true);
            batch.Add(large, [.. Enumerable.Repeat(11, room)], wantsLogits: true);
            gpu.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(0));
            Assert.Equal(StepFailure.OutOfDeviceMemory, batch.Failure(1));
            Assert.Equal(gpu.VocabularySize, batch.Logits(0).Length);
        }

        Assert.Equal(room - KvGeometry.BlockTokenCount, gpu.PageTokenCounts.Free);
        Step(gpu, small, 12);
    }

    [Fact]
    public void Forward_PagesOfABrokenBlock_DoNotSpoilTheNextSequence()
    {
        Gpu.Required();
        using CudaModelRunner gpu = CudaRunners.Demo("raw", 6 << 20);
        int[] tokenIds = [.. Enumerable.Repeat(11, 4 * KvGeometry.BlockTokenCount)];
        using (SequenceCache good = Sequences.NewCache(gpu), broken = Sequences.NewCache(gpu))
        {
            Sequences.Prefill(gpu, good, tokenIds, 512);
            foreach (KvBlock block in good.Blocks)
            {
                var spoilt = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
                for (int layer = 0; layer < block.LayerCount; layer++)
                {
                    SlabLease lease = SlabPool.Shared.Rent(block.Slab(layer)!.SizeBytes);
                    lease.Span.Fill(0xFF);
                    spoilt.SetSlab(layer, lease);
                }

                broken.AppendCachedBlock(spoilt, tokenIds.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
            }

            good.Dispose();
            var batch = new StepBatch();
            batch.Add(broken, 11, wantsLogits: true);
            gpu.Forward(batch);
            Assert.Equal(StepFailure.NonFiniteKeyValue, batch.Failure(0));
        }

        using SequenceCache next = Sequences.NewCache(gpu);
        Assert.All(Enumerable.Range(0, 3), _ => Assert.True(float.IsFinite(Step(gpu, next, 11)[0])));
    }

    [Theory]
    [InlineData("model.layers.1.self_attn.v_proj.weight", StepFailure.NonFiniteKeyValue)]
    [InlineData("lm_head.weight", StepFailure.NonFiniteLogits)]
    public void Forward_BrokenWeights_FailureIsNamed(string tensor, StepFailure expected)
    {
        Gpu.Required();
        using var model = new TinyModel(TinyModel.Llama with { HeadSize = 64 }, "F32", (name, values) =>
        {
            if (name == tensor)
            {
                values.AsSpan().Fill(float.NaN);
            }
        });
        using CudaModelRunner gpu = CudaRunners.Tiny(model, "int4");
        using SequenceCache cache = Sequences.NewCache(gpu);
        var sink = new CountingSink();
        var batch = new StepBatch();
        batch.Add(cache, model.Prompt(70), wantsLogits: true, sink);
        gpu.Forward(batch);
        Assert.Equal(expected, batch.Failure(0));
        Assert.Equal(expected == StepFailure.NonFiniteLogits ? 2 : 1, sink.Count);
        if (expected == StepFailure.NonFiniteKeyValue)
        {
            Assert.Equal((1, 0), batch.FailurePlace(0));
        }
    }
}
