using System.Diagnostics;
using System.Numerics.Tensors;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu.Measurement;

/// <summary>Measures prefill and decode of a model on this machine, against the peaks of the same run.</summary>
public sealed class EngineBenchmark
{
    private readonly CpuModelSource _source;
    private readonly EngineBenchmarkOptions _options;
    private readonly StepBatch _batch = new();
    private readonly int[] _prompt;

    private EngineBenchmark(CpuModelSource source, EngineBenchmarkOptions options)
    {
        _source = source;
        _options = options;
        int length = Math.Max(Math.Max(options.PromptTokenCount, options.BatchContextTokenCount), options.MemoryContextTokenCount);
        _prompt = new int[length];
        for (int i = 0; i < length; i++)
        {
            // Any spread of ids does: the arithmetic does not depend on them.
            _prompt[i] = (int)((uint)i * 2654435761u % (uint)source.Config.VocabularySize);
        }
    }

    /// <param name="folder">The model.</param>
    /// <param name="options">What to measure; null for the defaults.</param>
    /// <param name="progress">Hears what is being measured.</param>
    public static EngineBenchmarkResult Run(ModelFolder folder, EngineBenchmarkOptions? options = null, IProgress<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var source = new CpuModelSource(folder.Path, folder.Config, folder.Tensors, folder.Fingerprint);
        return Run(source, options ?? new EngineBenchmarkOptions(), progress);
    }

    internal static EngineBenchmarkResult Run(CpuModelSource source, EngineBenchmarkOptions options, IProgress<string>? progress)
    {
        var benchmark = new EngineBenchmark(source, options);
        progress?.Report("memory");
        long resident = benchmark.MeasureResidentBytes();
        progress?.Report("peak of the machine");
        double gflops = MachinePeak.MeasureFmaGflops();
        double bandwidth = MachinePeak.MeasureBandwidthGBps();
        var codecs = new List<CodecBenchmarkResult>();
        foreach (string spec in options.Specs)
        {
            progress?.Report(spec);
            codecs.Add(benchmark.Measure(spec, gflops));
        }

        return new EngineBenchmarkResult
        {
            WorkerCount = ComputePool.Shared.WorkerCount,
            PeakFmaGflops = gflops,
            PeakBandwidthGBps = bandwidth,
            Codecs = codecs,
            ResidentSizeBytes = resident,
        };
    }

    private CodecBenchmarkResult Measure(string spec, double peakGflops)
    {
        using CpuModelRunner runner = Load(spec);
        SequenceCache? cache = null;
        double prefillSeconds = double.MaxValue;
        double encodeShare = 0;
        for (int round = 0; round < _options.RoundCount; round++)
        {
            cache?.Dispose();
            cache = NewCache(runner);
            TimeSpan encoded = runner.EncodeTime;
            long start = Stopwatch.GetTimestamp();
            Prefill(runner, cache, _options.PromptTokenCount);
            double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
            if (seconds < prefillSeconds)
            {
                prefillSeconds = seconds;
                encodeShare = (runner.EncodeTime - encoded).TotalSeconds / seconds;
            }
        }

        double bytesPerToken = (double)cache!.SealedSizeBytes / Math.Max(1, cache.SealedTokenCount);
        double decode = MeasureDecode(runner, [cache]);
        cache.Dispose();
        double batchDecode = MeasureBatchDecode(runner);
        double gflops = PrefillFlops() / prefillSeconds / 1e9;
        return new CodecBenchmarkResult(
            runner.Codec.Spec, _options.PromptTokenCount / prefillSeconds, gflops, 100 * gflops / peakGflops, 100 * encodeShare, decode, batchDecode, bytesPerToken);
    }

    private double MeasureBatchDecode(CpuModelRunner runner)
    {
        SequenceCache[] caches = [.. Enumerable.Range(0, _options.BatchSequenceCount).Select(_ => NewCache(runner))];
        foreach (SequenceCache cache in caches)
        {
            Prefill(runner, cache, _options.BatchContextTokenCount);
        }

        double rate = MeasureDecode(runner, caches);
        Array.ForEach(caches, cache => cache.Dispose());
        return rate;
    }

    /// <summary>Tokens a second of all sequences together; each round starts at the same context.</summary>
    private double MeasureDecode(CpuModelRunner runner, SequenceCache[] caches)
    {
        var next = new int[caches.Length];
        double best = double.MaxValue;
        int steps = Math.Min(_options.DecodeTokenCount, KvGeometry.BlockTokenCount - 1);
        for (int round = 0; round < _options.RoundCount; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int step = 0; step < steps; step++)
            {
                DecodeStep(runner, caches, next);
            }

            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
            Array.ForEach(caches, cache => cache.TruncateTo(cache.SealedTokenCount));
        }

        return caches.Length * steps / best;
    }

    private void DecodeStep(CpuModelRunner runner, SequenceCache[] caches, int[] next)
    {
        _batch.Clear();
        for (int i = 0; i < caches.Length; i++)
        {
            _batch.Add(caches[i], next[i], wantsLogits: true);
        }

        runner.Forward(_batch);
        for (int i = 0; i < caches.Length; i++)
        {
            next[i] = TensorPrimitives.IndexOfMax<float>(_batch.Logits(i));
        }
    }

    private void Prefill(CpuModelRunner runner, SequenceCache cache, int tokenCount)
    {
        for (int start = 0; start < tokenCount; start += _options.ChunkTokenCount)
        {
            int count = Math.Min(_options.ChunkTokenCount, tokenCount - start);
            _batch.Clear();
            _batch.Add(cache, _prompt.AsSpan(start, count), wantsLogits: start + count == tokenCount);
            runner.Forward(_batch);
        }
    }

    private long MeasureResidentBytes()
    {
        if (_options.MemoryContextTokenCount == 0)
        {
            return 0;
        }

        using CpuModelRunner runner = Load(_options.Specs[0]);
        using SequenceCache cache = NewCache(runner);
        Prefill(runner, cache, Math.Min(_options.MemoryContextTokenCount, _source.Config.MaxPositionCount) - 1);
        DecodeStep(runner, [cache], [0]);
        using Process process = Process.GetCurrentProcess();
        return process.WorkingSet64;
    }

    private CpuModelRunner Load(string spec)
    {
        KvGeometry geometry = ModelKvGeometry.Of(_source.Config);
        var profiles = new ProfileFolder(_source.Path, _source.Fingerprint, geometry);
        return CpuModelRunner.Load(_source, CodecRegistry.Create(spec, geometry, profiles), ComputePool.Shared);
    }

    private static SequenceCache NewCache(CpuModelRunner runner) => new(
        runner.Codec,
        BlockIdChain.Root("benchmark", runner.ModelFingerprint, runner.Codec.Fingerprint),
        runner.ModelFingerprint,
        writerEpoch: 0,
        SlabPool.Shared,
        runner.Config.HeadCount * runner.Config.HeadSize);

    private double PrefillFlops()
    {
        ModelConfig c = _source.Config;
        double projections = (double)c.HiddenSize * c.HeadSize * ((2 * c.HeadCount) + (2 * c.KvHeadCount));
        double perToken = 2 * (projections + (3.0 * c.HiddenSize * c.IntermediateSize));
        double attention = 4.0 * c.HeadSize * c.HeadCount * (_options.PromptTokenCount + 1) / 2;
        return c.LayerCount * _options.PromptTokenCount * (perToken + attention);
    }
}
