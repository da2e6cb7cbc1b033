using System.Diagnostics;
using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cpu;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda;

/// <summary>
/// The Llama-family forward pass on a GPU: weights and activations in bf16, the residual stream and sums in 32 bits. Attention reads encoded Blocks
/// where they are. A cache keeps its slabs on the host; the device has copies, brought there when a step first needs them.
/// </summary>
public sealed unsafe class CudaModelRunner : IModelRunner
{
    /// <summary>16-bit pages of a codec other than raw: Sequences in work, and Blocks of prompts that are being computed.</summary>
    private const int OpenPageCount = 384;

    /// <summary>Of what is free once weights are there: a prefill and a decode worker may share the device.</summary>
    private const double PageShare = 0.45;

    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private readonly ModelKernels _kernels;
    private readonly DecodeAttention _attention;
    private readonly CudaModelWeights _weights;
    private readonly CudaGemm _gemm;
    private readonly BlockPages _blocks;
    private readonly StepPlan _plan;
    private readonly StepPages _pages;
    private readonly StepTables _tables;
    private readonly StepBuffers _buffers;
    private readonly LayerLaunch _launch;
    private readonly BlockSealer _sealer;
    private readonly StepResults _results;
    private readonly Dictionary<int, CudaGraph> _graphs = [];
    private bool _disposed;

    private CudaModelRunner(CudaModelSource source, KvCodec codec, AttentionFormat format, CudaDevice device, long pageBytes)
    {
        Config = source.Config;
        Codec = codec;
        Geometry = codec.Geometry;
        ModelFingerprint = source.Fingerprint;
        _device = device;
        var compiler = new KernelCompiler(device, KernelCache.Default);
        _gemm = new CudaGemm();
        _kernels = new ModelKernels(device, compiler, Config.HeadSize);
        _attention = new DecodeAttention(device, compiler, format, Config.KvHeadCount, Config.HeadCount / Config.KvHeadCount);
        _weights = CudaModelWeights.Acquire(source, _kernels);
        _stream = new CudaStream();
        long budget = pageBytes > 0 ? pageBytes : (long)(PageShare * device.FreeBytes());
        _blocks = new BlockPages(device, codec, _attention.Payload, OpenPageCount, budget);
        _plan = new StepPlan(this, tokensPerTile: 0);
        _pages = new StepPages(_blocks);
        _tables = new StepTables(_attention.OpenWeight);
        _buffers = new StepBuffers(Config, _attention, _weights.PaddedIntermediateSize, _weights.PaddedVocabularySize);
        _launch = new LayerLaunch(Config, _weights, _buffers, _blocks, _kernels, _attention, _gemm);
        _sealer = new BlockSealer(_blocks, _attention.Payload, new SlabEncoder(codec));
        _results = new StepResults(VocabularySize, _weights.PaddedVocabularySize);
    }

    public ModelConfig Config { get; }

    public KvCodec Codec { get; }

    public KvGeometry Geometry { get; }

    public ulong ModelFingerprint { get; }

    public int VocabularySize => Config.VocabularySize;

    /// <summary>What it runs on.</summary>
    public string Device => _device.ToString();

    /// <summary>Bytes of the weights on the device, which runners of one model share.</summary>
    public long WeightSizeBytes => _weights.SizeBytes;

    /// <summary>Tokens that pages on the device hold, and those of them that are free.</summary>
    public (long All, long Free) PageTokenCounts =>
        (KvGeometry.BlockTokenCount * (long)_blocks.Sealed.PageCount, KvGeometry.BlockTokenCount * (long)_blocks.Sealed.FreeCount);

    /// <summary>Decode steps run as graphs. For tests and measurement.</summary>
    internal bool UsesGraphs { get; set; } = true;

    /// <summary>Of the last step: what the host did before it had nothing left but to wait for the device, and after it.</summary>
    internal TimeSpan HostTime { get; private set; }

    /// <summary>Brings the weights to the device, or shares them with the runners of the same folder in this process.</summary>
    /// <param name="folder">Open until this returns.</param>
    /// <param name="codec">Of the model's KV geometry.</param>
    /// <exception cref="ModelLoadException">There is no usable GPU, or it does not run this model or codec; the message is one line.</exception>
    public static CudaModelRunner Load(ModelFolder folder, KvCodec codec)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Load(new CudaModelSource(folder.Path, folder.Config, folder.Tensors, folder.Fingerprint), codec);
    }

    /// <param name="source">The weights.</param>
    /// <param name="codec">Of the model's KV geometry.</param>
    /// <param name="pageBytes">Device memory for Blocks; 0: a share of what is free.</param>
    /// <exception cref="ModelLoadException">As above.</exception>
    internal static CudaModelRunner Load(CudaModelSource source, KvCodec codec, long pageBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(codec);
        AttentionFormat format = CudaSupport.Require(source.Config, codec);
        if (!CudaDevice.TryOpen(0, out CudaDevice? device, out string? reason))
        {
            throw new ModelLoadException(reason);
        }

        try
        {
            return new CudaModelRunner(source, codec, format, device, pageBytes);
        }
        catch (CudaException error)
        {
            throw new ModelLoadException(CudaSupport.Describe(error, device), error);
        }
    }

    /// <inheritdoc/>
    public void Forward(StepBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        long start = Stopwatch.GetTimestamp();
        _device.MakeCurrent();
        _plan.Make(batch);
        if (_plan.RowCount == 0)
        {
            return;
        }

        try
        {
            _pages.Assign(batch, _plan);
            Run(batch, start);
        }
        finally
        {
            _pages.Release();
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _device.MakeCurrent();
        ForgetGraphs();
        _results.Dispose();
        _sealer.Dispose();
        _buffers.Dispose();
        _tables.Dispose();
        _blocks.Dispose();
        _weights.Release();
        _attention.Dispose();
        _kernels.Dispose();
        _gemm.Dispose();
        _stream.Dispose();
        _device.Dispose();
    }

    private void Run(StepBatch batch, long start)
    {
        bool isDecode = IsDecode();
        int rows = RowBucket.Of(_plan.RowCount);
        int logitsRows = isDecode ? rows : RowBucket.Of(Math.Max(1, _plan.LogitsRows.Length));
        FillTables(batch, rows, isDecode);
        _results.Reserve(rows, logitsRows);
        if (_buffers.Reserve(rows, logitsRows, _tables.SizeInts))
        {
            ForgetGraphs();
        }

        _stream.CopyToDevice(_buffers.Control, _tables.Bytes);
        if (isDecode)
        {
            Decode(rows);
        }
        else
        {
            Prefill(batch, rows, logitsRows);
        }

        _results.Fetch(_stream, _buffers, rows, logitsRows, batch.WantsTopTokens);
        long waits = Stopwatch.GetTimestamp();
        _stream.Synchronize();
        long done = Stopwatch.GetTimestamp();
        _results.Give(batch, _plan, isDecode);
        if (isDecode)
        {
            SealDecoded(batch);
        }

        HostTime = Stopwatch.GetElapsedTime(start, waits) + Stopwatch.GetElapsedTime(done);
    }

    /// <summary>One token a Sequence.</summary>
    private bool IsDecode()
    {
        bool isDecode = _plan.RowCount == _plan.Segments.Length && _plan.RowCount <= RowBucket.MaxDecodeRows;
        for (int i = 1; isDecode && i < _plan.Segments.Length; i++)
        {
            isDecode = _plan.Segments[i].Entry != _plan.Segments[i - 1].Entry;
        }

        return isDecode;
    }

    private void Decode(int rows)
    {
        if (_graphs.TryGetValue(rows, out CudaGraph? graph))
        {
            graph.Launch(_stream);
            return;
        }

        // Once as it is: what is made at first use can't be made during a capture.
        _launch.Decode(_stream, rows);
        if (UsesGraphs)
        {
            _stream.Synchronize();
            _graphs.Add(rows, _stream.Capture(() => _launch.Decode(_stream, rows)));
        }
    }

    private void Prefill(StepBatch batch, int rows, int logitsRows)
    {
        List<SealingBlock> sealing = _pages.Sealing;
        ulong failures = _buffers.Control + StepTables.OffsetsOf(rows).Failures;
        bool isLate = _blocks.IsRaw;
        _launch.Embed(_stream, rows);
        for (int layer = 0; layer < Config.LayerCount; layer++)
        {
            _launch.Project(_stream, layer, rows);
            if (sealing.Count > 0)
            {
                _sealer.Fetch(_stream, sealing, layer, failures, rows);
                if (!isLate)
                {
                    _sealer.Encode(sealing, layer);
                    _sealer.Upload(_stream, sealing, layer);
                    Announce(batch, layer);
                }
            }

            _launch.Attend(_stream, layer, rows);
            _launch.Finish(_stream, layer, rows);
            if (isLate && layer > 0)
            {
                EncodeLate(batch, layer - 1);
            }
        }

        if (_plan.LogitsRows.Length > 0)
        {
            _launch.ComputeLogits(_stream, rows, logitsRows);
        }

        if (isLate)
        {
            EncodeLate(batch, Config.LayerCount - 1);
        }
    }

    private void EncodeLate(StepBatch batch, int layer)
    {
        if (_pages.Sealing.Count > 0)
        {
            _sealer.Encode(_pages.Sealing, layer);
            Announce(batch, layer);
        }
    }

    /// <summary>Tells the sinks of the slabs of a layer; not those of an entry with a value that did not fit.</summary>
    private void Announce(StepBatch batch, int layer)
    {
        ReadOnlySpan<int> failures = _sealer.Failures(layer);
        foreach (SealingBlock block in _pages.Sealing)
        {
            ref StepEntry entry = ref batch.Entries[block.Entry];
            StepResults.MarkFailure(ref entry, _plan, failures);
            if (entry.Failure == StepFailure.None)
            {
                entry.Sink?.OnSlabSealed(block.Cache, block.Block, layer);
            }
        }
    }

    /// <summary>Blocks that a decode step filled: its tokens have attended to them in 16 bits, so their encoding can follow.</summary>
    private void SealDecoded(StepBatch batch)
    {
        foreach (SealingBlock block in _pages.Sealing)
        {
            ref StepEntry entry = ref batch.Entries[block.Entry];
            _sealer.SealAllLayers(_stream, block);
            for (int layer = 0; layer < Config.LayerCount && entry.Failure == StepFailure.None; layer++)
            {
                entry.Sink?.OnSlabSealed(block.Cache, block.Block, layer);
            }
        }
    }

    private void FillTables(StepBatch batch, int rows, bool isDecode)
    {
        _tables.Begin(rows);
        _plan.TokenIds.CopyTo(_tables.Tokens);
        _plan.Positions.CopyTo(_tables.Positions);
        for (int i = 0; isDecode && i < _plan.RowCount; i++)
        {
            _tables.LogitsRows[i] = i;
        }

        if (!isDecode)
        {
            _plan.LogitsRows.CopyTo(_tables.LogitsRows);
        }

        for (int i = 0; i < _plan.Segments.Length; i++)
        {
            ref readonly StepSegment segment = ref _plan.Segments[i];
            bool isUsed = batch.Entries[segment.Entry].Failure == StepFailure.None;
            ReadOnlySpan<int> earlier = isUsed ? _pages.Sequence(i).Sealed[..segment.BlockIndex] : [];
            for (int token = 0; token < segment.TokenCount; token++)
            {
                _tables.Pages[segment.FirstRow + token] = isUsed ? _pages.Open(i) : -1;
                _tables.Attend(earlier, Math.Max(0, _pages.Open(i)), isUsed ? segment.FirstColumn + token + 1 : 0);
            }
        }

        _tables.End();
    }

    private void ForgetGraphs()
    {
        foreach (CudaGraph graph in _graphs.Values)
        {
            graph.Dispose();
        }

        _graphs.Clear();
    }
}
