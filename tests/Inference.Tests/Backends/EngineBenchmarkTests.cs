using KvCluster.Inference.Backends.Cpu.Measurement;

namespace KvCluster.Inference.Tests.Backends;

public sealed class EngineBenchmarkTests
{
    [Fact]
    public void Run_SmallSizes_EveryFigureIsMeasured()
    {
        using var model = new TinyModel(TinyModel.Llama);
        var options = new EngineBenchmarkOptions
        {
            Specs = ["raw", "int4"],
            PromptTokenCount = 192,
            ChunkTokenCount = 128,
            DecodeTokenCount = 4,
            BatchSequenceCount = 3,
            BatchContextTokenCount = 64,
            MemoryContextTokenCount = 256,
            RoundCount = 1,
        };
        EngineBenchmarkResult result = EngineBenchmark.Run(model.Source, options, progress: null);
        Assert.True(result.PeakFmaGflops > 0 && result.PeakBandwidthGBps > 0 && result.ResidentSizeBytes > 0);
        Assert.Equal(["raw", "int4"], result.Codecs.Select(codec => codec.Spec));
        Assert.All(result.Codecs, codec => Assert.True(
            codec is { PrefillTokensPerSecond: > 0, PrefillGflops: > 0, PrefillPercentOfPeak: > 0, DecodeTokensPerSecond: > 0, BatchDecodeTokensPerSecond: > 0 }));
        Assert.True(result.Codecs[0].SealedBytesPerToken > 2 * result.Codecs[1].SealedBytesPerToken);
    }
}
