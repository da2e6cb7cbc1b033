using FsCheck;
using FsCheck.Fluent;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends;
using KvCluster.Inference.Engine;

namespace KvCluster.Inference.Tests.Backends;

public sealed class DevicePagesTests
{
    private const int BlockTokenCount = KvGeometry.BlockTokenCount;

    /// <summary>Pages are taken and given back as the CUDA backend does, by Sequences that come and go as the limits let them, in steps of any shape.</summary>
    [Fact]
    public void Limits_AnyWorkThatIsAdmitted_NeverMeetsAFullPool() => Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(500),
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            var pages = new DevicePages(random.Next(1, 60), random.Next(3) == 0 ? 0 : random.Next(2, 40));
            var footprint = new KvFootprint(CodecRegistry.Create("int4", new KvGeometry(2, 1, 64)), pages: pages);
            var limits = WorkerLimits.Of(footprint, random.Next(1, 30), random.Next(64, 1200), long.MaxValue);
            Assert.InRange(limits.StepTokens, BlockTokenCount, 1200);
            var queue = new AdmissionQueue<Work>(limits.MaxSequences, limits.Budget);
            var admitted = new List<Work>();
            for (var step = 0; step < 200; step++)
            {
                var work = new Work(random.Next(1, 900));
                if (queue.CanEverFit(footprint.Demand(work.MaxTokenCount)))
                {
                    queue.Enqueue(work, footprint.Demand(work.MaxTokenCount));
                }

                while (queue.TryAdmit(out var next))
                {
                    // Blocks that others computed come with their Tail.
                    next!.TokenCount = random.Next(next.MaxTokenCount);
                    admitted.Add(next);
                }

                Step(random, pages, admitted, limits.StepTokens);
                foreach (var done in admitted.FindAll(item => item.TokenCount == item.MaxTokenCount || random.Next(20) == 0))
                {
                    queue.Release(footprint.Demand(done.MaxTokenCount));
                    admitted.Remove(done);
                }
            }
        }));

    [Fact]
    public void SequencePageCount_OpenBlockWithoutItsOwnPage_IsCounted()
    {
        Assert.Equal((2, 3, 3), (new DevicePages(9, 5).SequencePageCount(191), new DevicePages(9, 0).SequencePageCount(191), new DevicePages(9, 5).SequencePageCount(192)));
        Assert.Equal((9, 576L), (new DevicePages(9, 0).SequenceCount(512), new DevicePages(9, 0).TokenCount));
    }

    [Theory]
    [InlineData(384, 512, 512, 376)]
    [InlineData(8, 512, 256, 4)]
    [InlineData(2, 512, 64, 1)]
    public void StepTokens_FewOpenPages_LeavesSomeToSequences(int openCount, int wanted, int stepTokens, int sequences)
    {
        var pages = new DevicePages(100, openCount);
        Assert.Equal((stepTokens, sequences), (pages.StepTokens(wanted), pages.SequenceCount(pages.StepTokens(wanted))));
    }

    [Fact]
    public void Limits_WithoutDevice_AreTheSettings()
    {
        var footprint = new KvFootprint(CodecRegistry.Create("int4", new KvGeometry(2, 1, 64)));
        Assert.Equal(new WorkerLimits(7, 512, new KvDemand(1000)), WorkerLimits.Of(footprint, 7, 512, 1000));
        Assert.Equal(0, footprint.Demand(640).PageCount);
    }

    /// <summary>One token for some, a chunk for one: what a decode worker does; a prefill worker's chunks begin at Blocks and so touch no more.</summary>
    private static void Step(Random random, DevicePages pages, List<Work> admitted, int stepTokens)
    {
        int open = 0, sealedCount = 0;
        var chunk = admitted.Count == 0 ? null : admitted[random.Next(admitted.Count)];
        foreach (var work in admitted)
        {
            var tokens = Math.Min(work.MaxTokenCount - work.TokenCount, work == chunk ? stepTokens : random.Next(2));
            var touched = ((work.TokenCount + tokens + BlockTokenCount - 1) / BlockTokenCount) - (work.TokenCount / BlockTokenCount);
            open += touched;
            work.TokenCount += tokens;
            sealedCount += work.TokenCount / BlockTokenCount;
            sealedCount += pages.OpenCount == 0 && work.TokenCount % BlockTokenCount != 0 ? 1 : 0;
        }

        Assert.InRange(sealedCount, 0, pages.SealedCount);
        Assert.True(pages.OpenCount == 0 || open <= pages.OpenCount, $"{open} of {pages.OpenCount} open pages");
    }

    private sealed class Work(int maxTokenCount)
    {
        public int MaxTokenCount => maxTokenCount;

        public int TokenCount { get; set; }
    }
}
