using KvCluster.Compression.Blocks;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Engine;
using KvCluster.Inference.Tests.Backends;

namespace KvCluster.Inference.Tests.Cache;

public sealed class BlockIntakeTests
{
    [Fact]
    public async Task MoveToAsync_SlabsStillOnTheirWayUp_WaitsForThemAndDropsWhatComesLater()
    {
        const int BlockCount = 3;
        using CpuModelRunner runner = DemoModel.Load("int4");
        int[] tokenIds = [.. Enumerable.Range(0, BlockCount * KvGeometry.BlockTokenCount).Select(i => 300 + (i * 7919 % 3000))];
        using SequenceCache source = Sequences.NewCache(runner), cache = Sequences.NewCache(runner);
        Sequences.Prefill(runner, source, tokenIds, 512);
        using var upload = new HeldUpload();
        await using var intake = new BlockIntake(runner.Codec, runner.ModelFingerprint, new SequenceBlocks(source.Root, tokenIds, hasTail: false), 512, upload);
        Add(0);
        Add(1);
        Task moving = intake.MoveToAsync(cache, tokenIds.Length);
        Assert.False(moving.IsCompleted);

        Add(2);
        upload.Release();
        await moving.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);

        Assert.Equal(2, cache.Blocks.Count);
        Assert.Equal(2, upload.MovedBlockCount);
        Assert.Equal(2 * runner.Geometry.LayerCount, upload.SlabCount);

        void Add(int index)
        {
            KvBlock block = source.Blocks[index];
            for (int layer = 0; layer < block.LayerCount; layer++)
            {
                SlabLease slab = block.Slab(layer)!;
                Assert.Equal(SlabError.None, Slab.Verify(slab.Span, intake.Expectation(block.BlockId), out SlabHeader header));
                Assert.Equal(SlabError.None, intake.Add(header, slab.Share()));
            }
        }
    }

    /// <summary>A device that takes nothing until it is told to.</summary>
    private sealed class HeldUpload : IBlockUpload
    {
        private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int SlabCount { get; private set; }

        public int MovedBlockCount { get; private set; }

        public void Add(int block, int layer, SlabLease slab)
        {
            SlabCount++;
            slab.Dispose();
        }

        public Task IdleAsync() => _released.Task;

        public void Release() => _released.SetResult();

        public void MoveTo(SequenceCache cache)
        {
            Assert.True(_released.Task.IsCompleted);
            MovedBlockCount = cache.Blocks.Count;
        }

        public void Dispose() => _released.TrySetResult();
    }
}
