using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>Same tokens, same bits: whatever the chunk, the batch, the threads, or where the blocks came from.</summary>
public sealed class InvarianceTests
{
    private const int Length = 300;

    private static readonly ModelConfig Config = TinyModel.Llama with { QkNorm = true, HeadSize = 32, MaxPositionCount = 600 };

    public static TheoryData<string> Specs => ["raw", "int8", "int4", "zipcache", "evict", "gear(bits=2)", "kvheads+int4", "kvheads+zipcache(keys=channel)+gear-l"];

    [Theory]
    [MemberData(nameof(Specs))]
    public void Forward_AnyChunkSize_SameLogitsAndSlabs(string spec)
    {
        using var model = new TinyModel(Config);
        using CpuModelRunner runner = model.Load(spec);
        int[] prompt = model.Prompt(Length);
        using SequenceCache expected = Sequences.NewCache(runner);
        float[] logits = Sequences.Prefill(runner, expected, prompt, 512);
        foreach (int chunk in (int[])[1, 7, 64, 100])
        {
            using SequenceCache cache = Sequences.NewCache(runner);
            Assert.Equal(logits, Sequences.Prefill(runner, cache, prompt, chunk));
            AssertSameSlabs(expected, cache);
        }
    }

    [Theory]
    [MemberData(nameof(Specs))]
    public void Forward_AnyThreadCount_SameLogitsAndSlabs(string spec)
    {
        using var model = new TinyModel(Config);
        int[] prompt = model.Prompt(Length);
        using CpuModelRunner runner = model.Load(spec);
        using SequenceCache expected = Sequences.NewCache(runner);
        float[] logits = Sequences.Prefill(runner, expected, prompt, 512);
        foreach (int workerCount in (int[])[1, 3, 5])
        {
            using var pool = new ComputePool(workerCount);
            using CpuModelRunner other = model.Load(spec, pool);
            using SequenceCache cache = Sequences.NewCache(other);
            Assert.Equal(logits, Sequences.Prefill(other, cache, prompt, 512));
            AssertSameSlabs(expected, cache);
        }
    }

    [Theory]
    [MemberData(nameof(Specs))]
    public void Forward_MixedBatch_SameAsAlone(string spec)
    {
        using var model = new TinyModel(Config);
        using CpuModelRunner runner = model.Load(spec);
        int[] contexts = [0, 5, 63, 64, 127, 130, 200, 1];
        int[] news = [200, 1, 1, 1, 1, 70, 1, 64];
        SequenceCache[] alone = [.. contexts.Select(_ => Sequences.NewCache(runner))];
        SequenceCache[] together = [.. contexts.Select(_ => Sequences.NewCache(runner))];
        var batch = new StepBatch();
        var expected = new List<float[]>();
        for (int i = 0; i < contexts.Length; i++)
        {
            int[] prompt = model.Prompt(contexts[i] + news[i], seed: i);
            foreach (SequenceCache cache in (SequenceCache[])[alone[i], together[i]])
            {
                if (contexts[i] > 0)
                {
                    Sequences.Prefill(runner, cache, prompt.AsSpan(0, contexts[i]), 512);
                }
            }

            expected.Add(Sequences.Prefill(runner, alone[i], prompt.AsSpan(contexts[i]), 512));
            batch.Add(together[i], prompt.AsSpan(contexts[i]), wantsLogits: true);
        }

        runner.Forward(batch);
        for (int i = 0; i < contexts.Length; i++)
        {
            Assert.Equal(expected[i], batch.Logits(i).ToArray());
            AssertSameSlabs(alone[i], together[i]);
            alone[i].Dispose();
            together[i].Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Specs))]
    public void Forward_OverImportedBlocksAndTail_SameAsComputed(string spec)
    {
        using var model = new TinyModel(Config);
        using CpuModelRunner prefill = model.Load(spec);
        using CpuModelRunner decode = model.Load(spec);
        int[] prompt = model.Prompt(Length);
        using SequenceCache computed = Sequences.NewCache(prefill);
        float[] logits = Sequences.Prefill(prefill, computed, prompt, 512);
        using SequenceCache imported = Import(computed, prompt, decode);
        Assert.Equal(computed.LastBlockId, imported.LastBlockId);
        Assert.Equal(computed.TailTokenIds.ToArray(), imported.TailTokenIds.ToArray());
        Assert.Equal(
            Sequences.Greedy(prefill, computed, logits, 60),
            Sequences.Greedy(decode, imported, logits, 60));
        AssertSameSlabs(computed, imported);
    }

    private static SequenceCache Import(SequenceCache from, int[] prompt, CpuModelRunner runner)
    {
        SequenceCache cache = Sequences.NewCache(runner);
        foreach (KvBlock block in from.Blocks)
        {
            var copy = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
            for (int layer = 0; layer < block.LayerCount; layer++)
            {
                copy.SetSlab(layer, block.Slab(layer)!.Share());
            }

            cache.AppendCachedBlock(copy, prompt.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
        }

        for (int layer = 0; layer < from.Geometry.LayerCount; layer++)
        {
            using SlabLease tail = from.ExportTail(layer);
            Assert.Equal(SlabError.None, Slab.TryRead(tail.Span, out SlabHeader header));
            Assert.Equal(from.TailBlockId, header.BlockId);
            Assert.Equal(SlabError.None, cache.ImportTail(layer, Slab.Payload(tail.Span, header), from.TailTokenIds));
        }

        return cache;
    }

    private static void AssertSameSlabs(SequenceCache expected, SequenceCache actual)
    {
        Assert.Equal(expected.Blocks.Count, actual.Blocks.Count);
        for (int i = 0; i < expected.Blocks.Count; i++)
        {
            Assert.Equal(expected.Blocks[i].BlockId, actual.Blocks[i].BlockId);
            for (int layer = 0; layer < expected.Geometry.LayerCount; layer++)
            {
                Assert.True(expected.Blocks[i].Slab(layer)!.Span.SequenceEqual(actual.Blocks[i].Slab(layer)!.Span), $"block {i}, layer {layer}");
            }
        }

        for (int layer = 0; layer < expected.Geometry.LayerCount && expected.TailTokenCount > 0; layer++)
        {
            Assert.True(expected.OpenLayer(layer).SequenceEqual(actual.OpenLayer(layer)), $"open block, layer {layer}");
        }
    }
}
