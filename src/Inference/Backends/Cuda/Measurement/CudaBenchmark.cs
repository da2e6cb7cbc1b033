using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Calibration;
using KvCluster.Inference.Models;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Backends.Cuda.Measurement;

/// <summary>What <see cref="CudaBenchmark"/> measures.</summary>
public sealed record CudaBenchmarkOptions
{
    public required IReadOnlyList<string> Specs { get; init; }

    /// <summary>Tokens of the prefilled prompt, in one step, and context of every decoded Sequence: whole Blocks.</summary>
    public int ContextTokenCount { get; init; } = 4096;

    /// <summary>Sequences decoded together.</summary>
    public IReadOnlyList<int> BatchSizes { get; init; } = [1, 32];

    /// <summary>Of the memory that is free beside the weights, the share that pages of KV get.</summary>
    public double PageShare { get; init; } = DeviceOptions.DefaultPageShare;

    /// <summary>Each figure is the median of so many.</summary>
    public int StepCount { get; init; } = 40;
}

/// <summary>Times of a model on a GPU; medians.</summary>
/// <param name="Spec">Codec.</param>
/// <param name="Measure">What was measured.</param>
/// <param name="WallTime">From the call to its return: logits' greatest token is on the host.</param>
/// <param name="HostTime">Of a decode step: what the host did before the device had all its work, and after its end. Else zero.</param>
public sealed record CudaBenchmarkRow(string Spec, string Measure, TimeSpan WallTime, TimeSpan HostTime);

/// <summary>Measures prefill and decode steps on the GPU of this machine.</summary>
public sealed class CudaBenchmark
{
    private readonly CudaModelSource _source;
    private readonly CudaBenchmarkOptions _options;
    private readonly IProgress<string>? _progress;
    private readonly List<CudaBenchmarkRow> _rows = [];
    private readonly StepBatch _batch = new();
    private readonly int[] _prompt;

    private CudaBenchmark(CudaModelSource source, CudaBenchmarkOptions options, IProgress<string>? progress)
    {
        _source = source;
        _options = options;
        _progress = progress;
        _prompt = [.. Enumerable.Range(0, options.ContextTokenCount).Select(i => (int)((uint)i * 2654435761u % (uint)source.Config.VocabularySize))];
    }

    /// <summary>Measures a model of a folder, or of random weights.</summary>
    /// <param name="folder">The model; null: <paramref name="synthetic"/>.</param>
    /// <param name="synthetic">Shape of a model with random weights, e.g. <c>llama3-8b</c>.</param>
    /// <param name="options">What to measure.</param>
    /// <param name="progress">Hears of each piece of work, and of the device.</param>
    /// <exception cref="ModelLoadException">There is no usable GPU, or it does not run this; the message is one line.</exception>
    public static IReadOnlyList<CudaBenchmarkRow> Run(ModelFolder? folder, string synthetic, CudaBenchmarkOptions options, IProgress<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        CudaModelSource source = folder is null
            ? CudaModelSource.Synthetic(synthetic)
            : new CudaModelSource(folder.Path, folder.Config, folder.Tensors, folder.Fingerprint);
        var benchmark = new CudaBenchmark(source, options, progress);
        foreach (string spec in options.Specs)
        {
            benchmark.Measure(spec);
        }

        return benchmark._rows;
    }

    private void Measure(string spec)
    {
        KvGeometry geometry = ModelKvGeometry.Of(_source.Config);
        var profiles = new ProfileFolder(_source.Path, _source.Fingerprint, geometry);
        long start = Stopwatch.GetTimestamp();
        using CudaModelRunner runner = CudaModelRunner.Load(
            _source, CodecRegistry.Create(spec, geometry, profiles), DeviceOptions.Default with { PageShare = _options.PageShare });
        _progress?.Report(
            $"{runner.Codec.Spec} on {runner.Device}: {runner.WeightSizeBytes / 1e9:F1} GB of weights, room for {runner.PageTokenCounts.All:N0} tokens, loaded in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
        SequenceCache? first = null;
        var walls = new List<TimeSpan>();
        var hosts = new List<TimeSpan>();
        for (int round = 0; round < 4; round++)
        {
            first?.Dispose();
            first = NewCache(runner);
            _batch.Clear();
            _batch.Add(first, _prompt, wantsLogits: true, draw: TokenDraw.Greedy);
            Time(runner, walls, hosts, isCounted: round > 0);
        }

        Add(runner, $"prefill of {_prompt.Length:N0} tokens", walls, [TimeSpan.Zero]);
        foreach (int size in _options.BatchSizes)
        {
            SequenceCache[] caches = [first!, .. Enumerable.Range(1, size - 1).Select(_ => Copy(runner, first!))];
            MeasureDecode(runner, caches);
            if (size == _options.BatchSizes[^1])
            {
                MeasureSealing(runner, caches);
            }

            foreach (SequenceCache cache in caches.Skip(1))
            {
                cache.Dispose();
            }
        }

        first!.Dispose();
    }

    private void MeasureDecode(CudaModelRunner runner, SequenceCache[] caches)
    {
        var next = new int[caches.Length];
        var walls = new List<TimeSpan>();
        var hosts = new List<TimeSpan>();
        int warmUps = 6, room = KvGeometry.BlockTokenCount - 1;
        for (int step = 0; step < warmUps + _options.StepCount; step++)
        {
            if (step % room == 0)
            {
                Array.ForEach(caches, cache => cache.TruncateTo(cache.SealedTokenCount));
            }

            _batch.Clear();
            for (int i = 0; i < caches.Length; i++)
            {
                _batch.Add(caches[i], next[i], wantsLogits: true, draw: TokenDraw.Greedy);
            }

            Time(runner, walls, hosts, step >= warmUps);
            for (int i = 0; i < caches.Length; i++)
            {
                next[i] = _batch.DrawnToken(i);
            }
        }

        Add(runner, $"decode step, {caches.Length} at {_prompt.Length:N0}", walls, hosts);
    }

    /// <summary>The step in which all Sequences fill a Block, which makes slabs for the host.</summary>
    private void MeasureSealing(CudaModelRunner runner, SequenceCache[] caches)
    {
        var walls = new List<TimeSpan>();
        for (int block = 0; block < 2; block++)
        {
            do
            {
                _batch.Clear();
                Array.ForEach(caches, cache => _batch.Add(cache, 1, wantsLogits: true, draw: TokenDraw.Greedy));
                Time(runner, walls, [], caches[0].TailTokenCount == KvGeometry.BlockTokenCount - 1 && block > 0);
            }
            while (caches[0].TailTokenCount > 0);
        }

        Add(runner, $"step that fills a block of {caches.Length}", walls, [TimeSpan.Zero]);
    }

    private void Time(CudaModelRunner runner, List<TimeSpan> walls, List<TimeSpan> hosts, bool isCounted)
    {
        long start = Stopwatch.GetTimestamp();
        runner.Forward(_batch);
        TimeSpan wall = Stopwatch.GetElapsedTime(start);
        for (int i = 0; i < _batch.EntryCount; i++)
        {
            if (_batch.Failure(i) != StepFailure.None)
            {
                throw new InvalidOperationException($"Entry {i} of the benchmark failed: {_batch.Failure(i)}.");
            }
        }

        if (isCounted)
        {
            walls.Add(wall);
            hosts.Add(runner.HostTime);
        }
    }

    private void Add(CudaModelRunner runner, string measure, List<TimeSpan> walls, List<TimeSpan> hosts)
    {
        _rows.Add(new CudaBenchmarkRow(runner.Codec.Spec, measure, Median(walls), Median(hosts)));
        _progress?.Report($"{runner.Codec.Spec}: {measure}: {Median(walls).TotalMilliseconds:F3} ms (least {walls.Min().TotalMilliseconds:F3}), host {Median(hosts).TotalMicroseconds:F0} us");
    }

    /// <summary>A Sequence of the same sealed Blocks on the host; the device has pages of its own for each.</summary>
    private SequenceCache Copy(CudaModelRunner runner, SequenceCache from)
    {
        SequenceCache copy = NewCache(runner);
        foreach (KvBlock block in from.Blocks)
        {
            var shared = new KvBlock(block.BlockId, block.FirstPosition, block.LayerCount);
            for (int layer = 0; layer < block.LayerCount; layer++)
            {
                shared.SetSlab(layer, block.Slab(layer)!.Share());
            }

            copy.AppendCachedBlock(shared, _prompt.AsSpan(block.FirstPosition, KvGeometry.BlockTokenCount));
        }

        return copy;
    }

    private static TimeSpan Median(List<TimeSpan> times) => times.Order().ElementAt(times.Count / 2);

    private static SequenceCache NewCache(CudaModelRunner runner) => new(
        runner.Codec,
        BlockIdChain.Root("benchmark", runner.ModelFingerprint, runner.Codec.Fingerprint),
        runner.ModelFingerprint,
        writerEpoch: 0,
        SlabPool.Shared,
        runner.Config.HeadCount * runner.Config.HeadSize);
}
