using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;

namespace KvCluster.Inference.Tests.Backends;

/// <summary>What a forward pass does besides arithmetic.</summary>
public sealed class RunnerTests
{
    [Fact]
    public void Forward_KeyOutOfRange_FailureNamesLayerAndPosition()
    {
        using var model = new TinyModel(TinyModel.Llama, "F32", (name, values) =>
        {
            if (name == "model.layers.1.input_layernorm.weight")
            {
                values.AsSpan().Fill(1e8f);
            }
        });
        using CpuModelRunner runner = model.Load("int4");
        using SequenceCache cache = Sequences.NewCache(runner);
        var batch = new StepBatch();
        batch.Add(cache, model.Prompt(7), wantsLogits: false);
        runner.Forward(batch);
        Assert.Equal(StepFailure.NonFiniteKeyValue, batch.Failure(0));
        Assert.Equal((1, 0), batch.FailurePlace(0));
        Assert.Contains("layer 1, position 0 ", SequenceFailedException.Of(batch, 0).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_Decode_AllocatesNothing()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using var pool = new ComputePool(1);
        using CpuModelRunner runner = model.Load("int4", pool);
        using SequenceCache cache = Sequences.NewCache(runner);
        Sequences.Prefill(runner, cache, model.Prompt(130), 512);
        var batch = new StepBatch();
        Step();
        Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            Step();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Step()
        {
            batch.Clear();
            batch.Add(cache, 3, wantsLogits: true);
            runner.Forward(batch);
        }
    }

    [Fact]
    public void Dispose_AfterPrefillAndDecode_ReturnsEveryLease()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("int8");
        var pool = new SlabPool();
        using (SequenceCache cache = Sequences.NewCache(runner, pool))
        {
            float[] logits = Sequences.Prefill(runner, cache, model.Prompt(200), 128);
            Sequences.Greedy(runner, cache, logits, 80);
            Assert.NotEqual(0, pool.RentedBytes);
        }

        Assert.Equal(0, pool.RentedBytes);
        pool.CheckIntegrity();
    }

    [Fact]
    public void Forward_SealedBlocks_SinkHearsLayerByLayerInOrder()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("int4");
        using SequenceCache cache = Sequences.NewCache(runner);
        var sink = new RecordingSink();
        Sequences.Prefill(runner, cache, model.Prompt(300), 160, sink);
        Assert.Equal(
            [(0, 0), (64, 0), (0, 1), (64, 1), (128, 0), (192, 0), (128, 1), (192, 1)],
            sink.Heard);
    }

    [Fact]
    public void Forward_UnusableEntries_FailAloneByName()
    {
        using var model = new TinyModel(TinyModel.Llama with { MaxPositionCount = 100 });
        using CpuModelRunner runner = model.Load("raw");
        using CpuModelRunner foreign = model.Load("int4");
        SequenceCache[] caches = [.. Enumerable.Range(0, 3).Select(_ => Sequences.NewCache(runner)), Sequences.NewCache(foreign)];
        var batch = new StepBatch();
        batch.Add(caches[0], 101, wantsLogits: true);
        batch.Add(caches[1], new int[101], wantsLogits: true);
        batch.Add(caches[2], 7, wantsLogits: true);
        batch.Add(caches[3], 7, wantsLogits: true);
        runner.Forward(batch);
        Assert.Equal(StepFailure.InvalidTokenId, batch.Failure(0));
        Assert.Equal(StepFailure.ContextExceeded, batch.Failure(1));
        Assert.Equal(StepFailure.None, batch.Failure(2));
        Assert.Equal(StepFailure.ForeignCache, batch.Failure(3));
        Assert.Equal(101, batch.Logits(2).Length);
        Assert.Throws<InvalidOperationException>(() => batch.Logits(0).Length);
        Assert.Equal([0, 0, 1, 0], caches.Select(cache => cache.TokenCount));
        Array.ForEach(caches, cache => cache.Dispose());
    }

    [Theory]
    [InlineData("model.layers.1.self_attn.v_proj.weight", 1e8f, StepFailure.NonFiniteKeyValue)]
    [InlineData("model.layers.0.self_attn.k_proj.weight", float.NaN, StepFailure.NonFiniteKeyValue)]
    [InlineData("lm_head.weight", float.NaN, StepFailure.NonFiniteLogits)]
    public void Forward_BrokenWeights_FailureIsNamed(string tensor, float value, StepFailure expected)
    {
        using var model = new TinyModel(TinyModel.Llama, "F32", (name, values) =>
        {
            if (name == tensor)
            {
                values.AsSpan().Fill(value);
            }
        });
        using CpuModelRunner runner = model.Load("raw");
        using SequenceCache cache = Sequences.NewCache(runner);
        var sink = new RecordingSink();
        var batch = new StepBatch();
        batch.Add(cache, model.Prompt(70), wantsLogits: true, sink);
        runner.Forward(batch);
        Assert.Equal(expected, batch.Failure(0));
        Assert.Throws<InvalidOperationException>(() => batch.Logits(0).Length);
        Assert.Equal(expected == StepFailure.NonFiniteLogits, sink.Heard.Contains((0, 1)));
    }

    [Fact]
    public void Add_SequenceTwice_Throws()
    {
        using var model = new TinyModel(TinyModel.Llama);
        using CpuModelRunner runner = model.Load("raw");
        using SequenceCache cache = Sequences.NewCache(runner);
        var batch = new StepBatch();
        batch.Add(cache, 1, wantsLogits: true);
        Assert.Throws<ArgumentException>(() => batch.Add(cache, 2, wantsLogits: true));
    }

    private sealed class RecordingSink : ISlabSink
    {
        public List<(int FirstPosition, int Layer)> Heard { get; } = [];

        public void OnSlabSealed(SequenceCache cache, KvBlock block, int layer)
        {
            Assert.Equal(SlabError.None, Slab.TryRead(block.Slab(layer)!.Span, out SlabHeader header));
            Assert.Equal(block.BlockId, header.BlockId);
            Assert.Equal(layer, header.Layer);
            Heard.Add((block.FirstPosition, layer));
        }
    }
}
