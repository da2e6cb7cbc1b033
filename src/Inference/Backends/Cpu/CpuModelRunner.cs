using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Cache;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cpu;

/// <summary>
/// The Llama-family forward pass on the CPU. Batch-invariant: a token's bits do not depend on what else is in the batch, on
/// how a prompt is cut into chunks, or on the number of threads.
/// </summary>
public sealed unsafe class CpuModelRunner : IModelRunner
{
    /// <summary>Queries that attend together: enough to pay for decoding a Block, few enough to stay in the cache.</summary>
    private const int TileQueryCount = 64;

    private readonly ComputePool _pool;
    private readonly CpuModelWeights _weights;
    private readonly StepPlan _plan;
    private readonly Activations _activations;
    private readonly MatrixMultiply _multiply;
    private readonly EmbedJob _embed;
    private readonly NormJob _norm;
    private readonly AppendJob _append;
    private readonly SealJob _seal;
    private readonly PromptSealJob? _promptSeal;
    private readonly AttentionJob _attention;
    private readonly GateJob _gate;
    private readonly FinitenessJob _finiteness;
    private bool _disposed;

    private CpuModelRunner(CpuModelSource source, KvCodec codec, ComputePool pool)
    {
        Config = source.Config;
        Codec = codec;
        Geometry = ModelKvGeometry.Of(source.Config);
        ModelFingerprint = source.Fingerprint;
        _pool = pool;
        RequireSupported(Config, codec);
        TensorView embedding = source.Tensors.GetTensor(CpuModelWeights.EmbeddingName).Expect(Config.VocabularySize, Config.HiddenSize);
        float[] frequencies = RopeFrequencies.Compute(Config);
        _weights = CpuModelWeights.Acquire(source, pool);
        Heads = new HeadTasks(codec, pool.WorkerCount);
        int queriesPerToken = Config.HeadCount / Config.KvHeadCount * Heads.MaxHeadCount;
        _plan = new StepPlan(this, Math.Max(1, TileQueryCount / queriesPerToken));
        _activations = new Activations(Config, Geometry);
        _multiply = new MatrixMultiply(pool);
        _embed = new EmbedJob(embedding, frequencies, _plan, _activations);
        _norm = new NormJob(_plan, _activations, Config.RmsNormEpsilon);
        _append = new AppendJob(_plan, _activations, Geometry, Config.RmsNormEpsilon, pool.WorkerCount);
        var openCodec = new RawCodec(Geometry);
        var encoder = new SlabEncoder(codec);
        ProbeCapture? probes = null;
        BlockSaliency[] saliency = [];
        if (codec.Saliency is { } rule)
        {
            probes = new ProbeCapture(_plan, _activations, Config.HeadSize, Config.RmsNormEpsilon);
            saliency = [.. Enumerable.Range(0, pool.WorkerCount).Select(_ => new BlockSaliency(Config, openCodec, rule))];
            _promptSeal = rule.AfterPrompt ? new PromptSealJob(encoder, new PromptSaliencyJob(Config, codec, openCodec, pool.WorkerCount)) : null;
        }

        _seal = new SealJob(_plan, _activations, encoder, probes, saliency);
        _attention = new AttentionJob(_plan, _activations, this, openCodec, _append, Heads, pool.WorkerCount);
        _gate = new GateJob(_plan, _activations);
        _finiteness = new FinitenessJob(Config.VocabularySize);
    }

    public ModelConfig Config { get; }

    public KvCodec Codec { get; }

    public KvGeometry Geometry { get; }

    public ulong ModelFingerprint { get; }

    /// <summary>How attention is cut into tasks.</summary>
    internal HeadTasks Heads { get; }

    /// <summary>Spent on encoding Blocks as they fill up.</summary>
    internal TimeSpan EncodeTime => _seal.Elapsed;

    /// <summary>Null outside of calibration.</summary>
    internal ILayerObserver? Observer { get; set; }

    public int VocabularySize => Config.VocabularySize;

    /// <summary>Bytes of the packed weights, which runners of one model folder share.</summary>
    public long WeightSizeBytes => _weights.SizeBytes;

    /// <summary>Packs the weights, or shares them with the runners of the same folder in this process.</summary>
    /// <param name="folder">Stays open as long as the runner: embeddings are read from its mapped files.</param>
    /// <param name="codec">Of the model's KV geometry.</param>
    /// <exception cref="ModelLoadException">The weights do not fit config.json, or the shape is not supported.</exception>
    public static CpuModelRunner Load(ModelFolder folder, KvCodec codec)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(codec);
        return Load(new CpuModelSource(folder.Path, folder.Config, folder.Tensors, folder.Fingerprint), codec, ComputePool.Shared);
    }

    internal static CpuModelRunner Load(CpuModelSource source, KvCodec codec, ComputePool pool) => new(source, codec, pool);

    /// <inheritdoc/>
    public void Forward(StepBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        _plan.Make(batch);
        if (_plan.RowCount == 0)
        {
            return;
        }

        _activations.Reserve(_plan.RowCount, _plan.SlotCount);
        ClearOpenSlots();
        _embed.Run(_pool);
        for (int layer = 0; layer < _weights.Layers.Length; layer++)
        {
            ForwardLayer(batch, layer);
        }

        EndPrompts(batch);
        ComputeLogits(batch);
    }

    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _activations.Dispose();
            _multiply.Dispose();
            _append.Dispose();
            _seal.Dispose();
            _promptSeal?.Dispose();
            _attention.Dispose();
            _weights.Release();
        }
    }

    private void ForwardLayer(StepBatch batch, int layer)
    {
        CpuLayerWeights weights = _weights.Layers[layer];
        _norm.Run(_pool, weights.AttentionNorm, addsDelta: layer > 0);
        Multiply(_activations.Normed, _activations.HiddenSize, weights.QueryKeyValue, _activations.QueryKeyValue, _activations.QueryKeyValueStride);
        _append.Run(_pool, layer, weights);
        MarkFailedSegments(batch, layer);
        Observer?.Observe(layer, _plan, _activations, weights);
        _seal.Run(_pool, layer, weights);
        Announce(batch, layer);
        _attention.Run(_pool, layer, weights);
        MarkFailedSegments(batch, layer);
        Reopen(layer);
        SealPrompts(batch, layer);
        Multiply(_activations.Attended, _activations.QueryWidth, weights.AttentionOutput, _activations.Delta, _activations.DeltaStride);
        _norm.Run(_pool, weights.MlpNorm, addsDelta: true);
        Multiply(_activations.Normed, _activations.HiddenSize, weights.GateUp, _activations.GateUp, 2 * _activations.GateWidth);
        _gate.Run(_pool);
        Multiply(_activations.GateUp, 2 * _activations.GateWidth, weights.Down, _activations.Delta, _activations.DeltaStride);
    }

    private void Multiply(float* a, int strideA, PackedMatrix weights, float* c, int strideC) =>
        _multiply.Run(a, strideA, _plan.RowCount, weights, c, strideC);

    private void ComputeLogits(StepBatch batch)
    {
        int rowCount = _plan.LogitsRows.Length;
        if (rowCount == 0)
        {
            return;
        }

        _norm.RunFinal(_pool, _weights.FinalNorm);
        int stride = _weights.Head.PaddedColumnCount;
        fixed (float* logits = batch.ReserveLogits(rowCount, VocabularySize, stride))
        {
            _multiply.Run(_activations.Normed, _activations.HiddenSize, rowCount, _weights.Head, logits, stride);
            _finiteness.Run(_pool, logits, stride, rowCount);
        }

        foreach (ref StepEntry entry in batch.Entries)
        {
            int rows = entry.FirstLogitsRow < 0 ? 0 : batch.WantsAllLogits ? entry.TokenCount : 1;
            if (rows > 0 && entry.Failure == StepFailure.None && _finiteness.IsFinite.Slice(entry.FirstLogitsRow, rows).Contains(false))
            {
                entry.Failure = StepFailure.NonFiniteLogits;
            }

            if (entry.Failure != StepFailure.None)
            {
                entry.FirstLogitsRow = -1;
            }
        }
    }

    /// <summary>Columns past the last token must be zero; written ones are the same in every layer.</summary>
    private void ClearOpenSlots()
    {
        foreach (ref readonly StepSegment segment in _plan.Segments)
        {
            if (segment.Slot >= 0 && segment.Sealed is null)
            {
                _activations.Slot(segment.Slot).Clear();
            }
        }
    }

    private void MarkFailedSegments(StepBatch batch, int layer)
    {
        for (int i = 0; _append.HasFailed && i < _plan.Segments.Length; i++)
        {
            ref StepEntry entry = ref batch.Entries[_plan.Segments[i].Entry];
            if (_append.FailedToken(i) is { } token && entry.Failure == StepFailure.None)
            {
                entry.Failure = StepFailure.NonFiniteKeyValue;
                entry.FailedLayer = layer;
                entry.FailedPosition = _plan.Positions[_plan.Segments[i].FirstRow + token];
            }
        }
    }

    /// <summary>Tells the sinks of the slabs of this layer, before its attention runs.</summary>
    private void Announce(StepBatch batch, int layer)
    {
        foreach (int index in _plan.Sealing)
        {
            ref readonly StepSegment segment = ref _plan.Segments[index];
            ref readonly StepEntry entry = ref batch.Entries[segment.Entry];
            if (entry.Failure == StepFailure.None && segment.BlockIndex < segment.Cache.FirstDeferredBlock)
            {
                entry.Sink?.OnSlabSealed(segment.Cache, segment.Sealed!, layer);
            }
        }
    }

    /// <summary>In the papers' mode the Blocks of a prompt are encoded after the attention of its last token.</summary>
    private void SealPrompts(StepBatch batch, int layer)
    {
        foreach (ref readonly StepEntry entry in batch.Entries)
        {
            if (!entry.EndsPrompt)
            {
                continue;
            }

            _promptSeal!.Run(_pool, entry.Cache, layer);
            for (int i = entry.Cache.FirstDeferredBlock; i < entry.Cache.BlockList.Count; i++)
            {
                entry.Sink?.OnSlabSealed(entry.Cache, entry.Cache.BlockList[i], layer);
            }
        }
    }

    private static void EndPrompts(StepBatch batch)
    {
        foreach (ref readonly StepEntry entry in batch.Entries)
        {
            if (entry.EndsPrompt)
            {
                entry.Cache.EndPrompt();
            }
        }
    }

    /// <summary>The open Block of an entry that sealed becomes that of its last segment, or empty.</summary>
    private void Reopen(int layer)
    {
        foreach (int index in _plan.Reopening)
        {
            ref readonly StepSegment segment = ref _plan.Segments[index];
            Span<Half> open = segment.Cache.OpenLayer(layer);
            if (segment.Sealed is null)
            {
                _activations.Slot(segment.Slot).CopyTo(open);
            }
            else
            {
                open.Clear();
            }
        }
    }

    private static void RequireSupported(ModelConfig config, KvCodec codec)
    {
        if (config.HeadSize % 16 != 0)
        {
            throw new ModelLoadException($"Head size {config.HeadSize} is not supported by the CPU backend; it must be a multiple of 16.");
        }

        if (codec.Geometry != ModelKvGeometry.Of(config))
        {
            throw new ArgumentException($"The codec is for {codec.Geometry}, the model has {ModelKvGeometry.Of(config)}.", nameof(codec));
        }
    }
}
