using KvCluster.CommandLine.Bench.Handover;
using KvCluster.CommandLine.Terminal;
using KvCluster.Gateway.HandOffs;

namespace KvCluster.Cluster.Tests.CommandLine;

public sealed class HandoverBenchTests
{
    private const int TokenCount = 512;

    [Fact]
    public async Task Measure_RawKv_AllOfItPassesTheLinkBothWays()
    {
        var options = new HandoverBenchOptions
        {
            ModelFolder = ModelOption.Resolve(null),
            KvSpec = "int4",
            BitsPerSecond = 1e9,
            PromptTokenCount = TokenCount,
            RoundCount = 1,
        };
        var benchmark = new HandoverBenchmark(options, new Progress<string>());
        HandoverTiming whole = await benchmark.MeasureAsync("raw", HandOffMode.Store, wholeAfterPrefill: true, 1, TestContext.Current.CancellationToken);

        // 16,384 bytes a token, there and back, and little else; held back until prefill is done, so the link's time is all in the hand-over.
        Assert.InRange(whole.LinkBytes, 2L * TokenCount * 16_384, 2.2 * TokenCount * 16_384);
        Assert.True(whole.HandoverMs >= 0.8 * 1e3 * TokenCount * 16_384 * 8 / 1e9, $"{whole.HandoverMs} ms");
    }

    [Fact]
    public async Task Measure_Direct_EverythingLeavesThePrefillWorkerTwiceAndNothingIsReadFromTheStore()
    {
        var options = new HandoverBenchOptions
        {
            ModelFolder = ModelOption.Resolve(null),
            KvSpec = "int4",
            BitsPerSecond = 1e9,
            PromptTokenCount = TokenCount,
            RoundCount = 1,
        };
        var benchmark = new HandoverBenchmark(options, new Progress<string>());
        HandoverTiming direct = await benchmark.MeasureAsync("raw", HandOffMode.Direct, wholeAfterPrefill: false, 2, TestContext.Current.CancellationToken);

        Assert.InRange(direct.LinkBytes, 2L * TokenCount * 16_384, 2.2 * TokenCount * 16_384);
        Assert.Equal(2, direct.DirectCount);
    }

    [Theory]
    [InlineData(1_000_000, 65_536)]
    [InlineData(125_000_000, 625_000)]
    public async Task TokenBucket_ManyPieces_PassAtItsRate(double bytesPerSecond, int burstBytes)
    {
        var time = new LateTimeProvider();
        var bucket = new TokenBucket(bytesPerSecond, burstBytes, time);
        long total = 0;
        while (total < 4 * bytesPerSecond)
        {
            await bucket.TakeAsync(16_384, TestContext.Current.CancellationToken);
            total += 16_384;
        }

        // Timers that are late by a millisecond cost nothing where the burst covers it.
        Assert.InRange(time.Now.TotalSeconds, (total - burstBytes - 16_384) / bytesPerSecond, (total / bytesPerSecond) + 0.01);
    }

    /// <summary>Every delay is over at once, a millisecond later than it was asked for.</summary>
    private sealed class LateTimeProvider : TimeProvider
    {
        public TimeSpan Now { get; private set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Now += dueTime + TimeSpan.FromMilliseconds(1);
            return System.CreateTimer(callback, state, TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }
}
