using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>What reaches a codec that wants saliency, seen in the tokens that <c>zipcache</c> keeps at more bits.</summary>
public sealed class SaliencyTests
{
    private const int PromptLength = 3 * KvGeometry.BlockTokenCount;

    [Fact]
    public void Forward_BlockMode_LaterTokensChangeNoByteOfABlock()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("zipcache");
        using SequenceCache one = Prefilled(runner, model.Prompt(PromptLength, seed: 1));
        int[] other = model.Prompt(PromptLength, seed: 1);
        model.Prompt(KvGeometry.BlockTokenCount, seed: 2).CopyTo(other.AsSpan(2 * KvGeometry.BlockTokenCount));
        using SequenceCache two = Prefilled(runner, other);
        Assert.True(one.Blocks[1].Payload(1).SequenceEqual(two.Blocks[1].Payload(1)));
        Assert.False(one.Blocks[2].Payload(1).SequenceEqual(two.Blocks[2].Payload(1)));
    }

    [Fact]
    public void Forward_PaperMode_LaterTokensDecideWhatIsKept()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("zipcache(mode=paper)");
        using SequenceCache one = Prefilled(runner, model.Prompt(PromptLength, seed: 1));
        int[] other = model.Prompt(PromptLength, seed: 1);
        model.Prompt(KvGeometry.BlockTokenCount, seed: 2).CopyTo(other.AsSpan(2 * KvGeometry.BlockTokenCount));
        using SequenceCache two = Prefilled(runner, other);
        Assert.False(one.Blocks[1].Payload(1).SequenceEqual(two.Blocks[1].Payload(1)));
    }

    [Theory]
    [InlineData(PromptLength)]
    [InlineData(PromptLength + 29)]
    public void Forward_PaperMode_PromptAttendsIn16BitsAndIsEncodedAfterIt(int length)
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner paper = model.Load("zipcache(mode=paper)");
        using CpuModelRunner raw = model.Load("raw");
        int[] prompt = model.Prompt(length);
        using SequenceCache plain = Sequences.NewCache(raw);
        float[] expected = Sequences.Prefill(raw, plain, prompt, 512);
        foreach (int chunk in (int[])[50, 64, 512])
        {
            var sink = new Slabs();
            using SequenceCache cache = Sequences.NewCache(paper);
            cache.BeginPrompt(length);
            Assert.Equal(expected, Sequences.Prefill(paper, cache, prompt, chunk, sink));
            Assert.Equal(3 * paper.Geometry.LayerCount, sink.Seen.Count);
            Assert.All(cache.Blocks, block => Assert.All(
                Enumerable.Range(0, block.LayerCount),
                layer => Assert.True(paper.Codec.IsWellFormed(layer, block.Payload(layer)))));
            Assert.All(sink.Seen, seen => Assert.Equal(seen.SizeBytes, Slab.HeaderSizeBytes + paper.Codec.MaxPayloadSizeBytes(seen.Layer)));
            Assert.Equal(0, cache.DeferredTokenCount);
        }
    }

    [Fact]
    public void Forward_PaperModeAfterThePrompt_SealsBlockByBlock()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("zipcache(mode=paper)");
        int[] prompt = model.Prompt(100);
        using SequenceCache cache = Sequences.NewCache(runner);
        cache.BeginPrompt(100);
        float[] logits = Sequences.Prefill(runner, cache, prompt, 512);
        var sink = new Slabs();
        var batch = new StepBatch();
        for (int i = 0; i < 60; i++)
        {
            batch.Clear();
            batch.Add(cache, i, wantsLogits: true, sink);
            runner.Forward(batch);
            Assert.Equal(StepFailure.None, batch.Failure(0));
        }

        Assert.Equal(2, cache.Blocks.Count);
        Assert.Equal(runner.Geometry.LayerCount, sink.Seen.Count);
        Assert.True(runner.Codec.IsWellFormed(1, cache.Blocks[1].Payload(1)));
        Assert.NotEmpty(logits);
    }

    private static SequenceCache Prefilled(CpuModelRunner runner, int[] prompt)
    {
        SequenceCache cache = Sequences.NewCache(runner);
        cache.BeginPrompt(prompt.Length);
        Sequences.Prefill(runner, cache, prompt, 512);
        return cache;
    }

    private sealed class Slabs : ISlabSink
    {
        public List<(int Layer, int SizeBytes)> Seen { get; } = [];

        public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer) => Seen.Add((layer, block.Slab(layer)!.SizeBytes));
    }
}
