using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Tests.Backends;

namespace KvCluster.Inference.Tests.Cache;

public sealed class SequenceCacheTests
{
    [Fact]
    public void AppendCachedBlock_NotTheNextBlock_Throws()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("raw");
        int[] prompt = model.Prompt(128);
        using SequenceCache from = Sequences.NewCache(runner);
        Sequences.Prefill(runner, from, prompt, 512);
        using SequenceCache to = Sequences.NewCache(runner);
        using KvBlock incomplete = new(from.Blocks[0].BlockId, 0, 2);
        Assert.Throws<InvalidOperationException>(() => to.AppendCachedBlock(incomplete, prompt.AsSpan(0, 64)));
        Assert.Throws<InvalidOperationException>(() => to.AppendCachedBlock(from.Blocks[1], prompt.AsSpan(64, 64)));
        Assert.Throws<InvalidOperationException>(() => to.AppendCachedBlock(from.Blocks[0], prompt.AsSpan(64, 64)));
        Assert.Equal(0, to.TokenCount);
    }

    [Fact]
    public void ImportTail_WrongTokenCount_RefusedAndNothingChanges()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("int4");
        using SequenceCache from = Sequences.NewCache(runner);
        Sequences.Prefill(runner, from, model.Prompt(10), 512);
        using SequenceCache to = Sequences.NewCache(runner);
        using SlabLease tail = from.ExportTail(0);
        Assert.Equal(SlabError.None, Slab.TryRead(tail.Span, out SlabHeader header));
        Assert.Equal(SlabError.WrongGeometry, to.ImportTail(0, Slab.Payload(tail.Span, header), from.TailTokenIds[..9]));
        Assert.Equal(0, to.TokenCount);
    }

    [Fact]
    public void TruncateTo_InsideTail_ContinuesAsIfNeverComputed()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("int4");
        int[] prompt = model.Prompt(100);
        using SequenceCache plain = Sequences.NewCache(runner);
        float[] expected = Sequences.Prefill(runner, plain, prompt, 512);
        using SequenceCache cut = Sequences.NewCache(runner);
        Sequences.Prefill(runner, cut, [.. prompt[..90], 1, 2, 3], 512);
        cut.TruncateTo(90);
        Assert.Equal(expected, Sequences.Prefill(runner, cut, prompt.AsSpan(90), 512));
        Assert.Throws<InvalidOperationException>(() => cut.TruncateTo(63));
        Assert.Equal(plain.TailBlockId, cut.TailBlockId);
    }

    [Fact]
    public void SetSlab_LayerSetTwice_Throws()
    {
        var pool = new SlabPool();
        using (var block = new KvBlock(default, 0, 1))
        {
            block.SetSlab(0, pool.Rent(Slab.HeaderSizeBytes));
            using SlabLease second = pool.Rent(Slab.HeaderSizeBytes);
            Assert.Throws<InvalidOperationException>(() => block.SetSlab(0, second));
            Assert.True(block.IsComplete);
        }

        Assert.Equal(0, pool.RentedBytes);
    }
}
