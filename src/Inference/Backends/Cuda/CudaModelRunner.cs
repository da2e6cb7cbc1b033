using KvCluster.Compression.Blocks;
using KvCluster.Compression.Codecs;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Gemm;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Backends.Cuda.Model;
using KvCluster.Inference.Backends.Cuda.Paging;
using KvCluster.Inference.Backends.Cuda.Stored;
using KvCluster.Inference.Models;

namespace KvCluster.Inference.Backends.Cuda;

/// <summary>
/// The Llama-family forward pass on a GPU: weights and activations in bf16, the residual stream and sums in 32 bits. Attention reads encoded Blocks
/// where they are, or, where no kernel reads what the codec writes, what that decodes to in 16 bits. A cache keeps its slabs on the host; the device has copies, brought there when a step first needs them.
/// </summary>
public sealed unsafe class CudaModelRunner : IModelRunner
{
    /// <summary>16-bit pages of a codec other than raw: Sequences in work, and Blocks of prompts that are being computed.</summary>
    private const int OpenPageCount = 384;

    private readonly CudaDevice _device;
    private readonly CudaStream _stream;
    private readonly ModelKernels _kernels;
    private readonly StoredTables? _tables;
    private readonly IDecodeAttention _attention;
    private readonly CudaModelWeights _weights;
    private readonly CudaGemm _gemm;
    private readonly BlockPages _blocks;
    private readonly SlabUploader? _uploader;
    private readonly PrefillAttention _prefillAttention;
    private readonly SlabEncoding.IBlockEncoder? _encoder;
    private readonly StepExecution _execution;
    private volatile DeviceLostException? _lost;
    private bool _disposed;

    private CudaModelRunner(CudaModelSource source, KvCodec codec, AttentionFormat format, StoredShape? stored, CudaDevice device, DeviceOptions options, long pageBytes, bool encodesOnDevice)
    {
        StepLimit = options.StepLimit > TimeSpan.Zero ? options.StepLimit : null;
        Config = source.Config;
        Codec = codec;
        Geometry = codec.Geometry;
        ModelFingerprint = source.Fingerprint;
        _device = device;
        try
        {
            var compiler = new KernelCompiler(device, KernelCache.Default);
            _gemm = new CudaGemm();
            _kernels = new ModelKernels(device, compiler, Config.HeadSize);
            int groupSize = Config.HeadCount / Config.KvHeadCount;
            _tables = stored is null ? null : new StoredTables(codec);
            _attention = _tables is null
                ? new DecodeAttention(device, compiler, format, Config.KvHeadCount, groupSize)
                : new StoredAttention(device, compiler, _tables, stored!, Config.KvHeadCount, groupSize);
            _weights = CudaModelWeights.Acquire(source, _kernels);
            _stream = new CudaStream();
            long budget = pageBytes > 0 ? pageBytes : (long)(options.PageShare * device.FreeBytes());
            var contents = new PageContents(codec, (_attention as DecodeAttention)?.Payload, format.IsDecoded && stored is null);
            _blocks = new BlockPages(device, codec, contents, Config.HeadCount * Config.HeadSize, OpenPageCount, budget);
            _uploader = contents.IsDecoded ? null : new SlabUploader(device, _blocks);
            _prefillAttention = new PrefillAttention(device, compiler, format);
            if (encodesOnDevice)
            {
                _encoder = SlabEncoding.BlockEncoders.Create(device, compiler, codec, groupSize, _tables);
            }

            var buffers = new StepBuffers(Config, _attention, _weights.PaddedIntermediateSize, _weights.PaddedVocabularySize);
            _execution = new StepExecution(
                _stream,
                new StepPlan(this, tokensPerTile: 0),
                _blocks,
                new StepTables(_attention.OpenWeight),
                buffers,
                new LayerLaunch(Config, _weights, buffers, _blocks, _kernels, _attention, _gemm),
                new PrefillStep(Config, buffers, _blocks, _prefillAttention, _attention as StoredAttention),
                new BlockSealer(Config, _blocks, _encoder, codec),
                new PromptSealer(Config, codec, _blocks),
                new StepDraws(_kernels, VocabularySize, _weights.PaddedVocabularySize),
                new StepResults(VocabularySize, _weights.PaddedVocabularySize));
        }
        catch (Exception error)
        {
            string? reason = error is CudaException cuda ? CudaSupport.Describe(cuda, device) : null;
            Free();
            if (reason is not null)
            {
                throw new ModelLoadException(reason, error);
            }

            throw;
        }
    }

    public ModelConfig Config { get; }

    public KvCodec Codec { get; }

    public KvGeometry Geometry { get; }

    public ulong ModelFingerprint { get; }

    public int VocabularySize => Config.VocabularySize;

    /// <summary>What it runs on.</summary>
    public string Device => _device.ToString();

    /// <inheritdoc/>
    public bool AttendsDecoded => _blocks.Contents.IsDecoded;

    /// <summary>Bytes of the weights on the device, which runners of one model share.</summary>
    public long WeightSizeBytes => _weights.SizeBytes;

    /// <inheritdoc/>
    public DevicePages? Pages => new DevicePages(_blocks.Sealed.PageCount, _blocks.IsRaw ? 0 : _blocks.Open.PageCount);

    /// <summary>Tokens that pages on the device hold, and those of them that are free.</summary>
    public (long All, long Free) PageTokenCounts =>
        (KvGeometry.BlockTokenCount * (long)_blocks.Sealed.PageCount, KvGeometry.BlockTokenCount * (long)_blocks.Sealed.FreeCount);

    /// <inheritdoc/>
    public TimeSpan? StepLimit { get; }

    /// <summary>Decode steps run as graphs. For tests and measurement.</summary>
    internal bool UsesGraphs
    {
        get => _execution.UsesGraphs;
        set => _execution.UsesGraphs = value;
    }

    /// <summary>Of the last step: what the host did before it had nothing left but to wait for the device, and after it.</summary>
    internal TimeSpan HostTime => _execution.HostTime;

    /// <summary>Brings the weights to the device, or shares them with the runners of the same folder in this process.</summary>
    /// <param name="folder">Open until this returns.</param>
    /// <param name="codec">Of the model's KV geometry.</param>
    /// <exception cref="ModelLoadException">There is no usable GPU, or it does not run this model or codec; the message is one line.</exception>
    public static CudaModelRunner Load(ModelFolder folder, KvCodec codec)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Load(CudaModelSource.Of(folder), codec, null);
    }

    /// <param name="source">The weights.</param>
    /// <param name="codec">Of the model's KV geometry.</param>
    /// <param name="options">How the device is used; null: <see cref="DeviceOptions.Default"/>.</param>
    /// <param name="pageBytes">Device memory for Blocks; 0: a share of what is free.</param>
    /// <param name="encodesOnDevice">By kernels, where there are some for the codec; else by the host's codec.</param>
    /// <exception cref="ModelLoadException">As above.</exception>
    internal static CudaModelRunner Load(
        CudaModelSource source, KvCodec codec, DeviceOptions? options = null, long pageBytes = 0, bool encodesOnDevice = true)
    {
        ArgumentNullException.ThrowIfNull(codec);
        AttentionFormat format = CudaSupport.Require(source.Config, codec);
        if (!CudaDevice.TryOpen(0, out CudaDevice? device, out string? reason))
        {
            throw new ModelLoadException(reason);
        }

        StoredShape? stored = format.IsDecoded ? StoredShape.Of(codec, source.Config.HeadCount / source.Config.KvHeadCount) : null;
        stored = stored?.SharedBytes <= device.SharedBytesPerBlock ? stored : null;
        return new CudaModelRunner(source, codec, format, stored, device, options ?? DeviceOptions.Default, pageBytes, encodesOnDevice);
    }

    /// <inheritdoc/>
    public IBlockUpload? BeginUpload(int blockCount) => _uploader is null || blockCount == 0 || _lost is not null ? null : new CudaBlockUpload(_uploader, _blocks, blockCount);

    /// <inheritdoc/>
    public void Forward(StepBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_lost is not null)
        {
            throw _lost;
        }

        try
        {
            _device.MakeCurrent();
            _execution.Run(batch);
        }
        catch (Exception error)
        {
            // Nothing of a broken step may still run when its pages go to others; and what broke it may show only here.
            _lost ??= DeviceLostException.Of(error) ?? DeviceLostException.Of(CudaDevice.FindLoss());
            if (_lost is not null)
            {
                throw _lost;
            }

            throw;
        }
    }

    /// <inheritdoc/>
    public void Abandon() => _lost ??= new DeviceLostException("The GPU hangs.");

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;

        // A lost device may not answer any more; all that is on it goes with the process.
        if (_lost is null)
        {
            Free();
        }
    }

    private void Free()
    {
        _device.MakeCurrent();
        _uploader?.Dispose();
        _execution?.Dispose();
        _encoder?.Dispose();
        _prefillAttention?.Dispose();
        _blocks?.Dispose();
        _weights?.Release();
        _attention?.Dispose();
        _tables?.Dispose();
        _kernels?.Dispose();
        _gemm?.Dispose();
        _stream?.Dispose();
        _device.Dispose();
    }
}
