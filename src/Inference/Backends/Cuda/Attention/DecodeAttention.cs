using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>Attention of one query a Sequence on encoded Blocks, for one codec and geometry: Kernels/decode_attention.cu and combine_attention.cu.</summary>
internal sealed class DecodeAttention : IDecodeAttention
{
    private readonly CudaModule _attentionModule;
    private readonly CudaModule _combineModule;
    private readonly CudaKernel _attention;
    private readonly CudaKernel _combine;
    private readonly AttentionFormat _format;
    private readonly AttentionShape _shape;
    private readonly int _gridSize;
    private readonly int _multiprocessorCount;
    private readonly bool _isEarly;

    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public DecodeAttention(CudaDevice device, KernelCompiler compiler, AttentionFormat format, int kvHeadCount, int groupSize)
    {
        _format = format;
        _shape = AttentionShape.Choose(format, device.SharedBytesPerBlock) ?? throw new CudaException(
            "NO_SHARED_MEMORY", nameof(DecodeAttention), $"{device.Name} has {device.SharedBytesPerBlock} bytes of shared memory a block, too few for {format}");
        KvHeadCount = kvHeadCount;
        GroupSize = groupSize;
        Payload = PooledPayload.Of(format, kvHeadCount);
        _multiprocessorCount = device.MultiprocessorCount;
        _isEarly = device.StartsEarly;
        _attentionModule = compiler.Load("decode_attention.cu", new Dictionary<string, int>(format.Defines().Concat(_shape.Defines())));
        _combineModule = compiler.Load("combine_attention.cu", new Dictionary<string, int> { ["HEAD_SIZE"] = format.HeadSize });
        _attention = _attentionModule.Kernel("decode_attention", _shape.SharedBytes);
        _combine = _combineModule.Kernel("combine");
        int resident = Math.Max(1, _attention.ResidentBlocks(_shape.ThreadCount));
        int least = (kvHeadCount + _shape.WarpCount - 1) / _shape.WarpCount;
        _gridSize = Math.Max(least, device.MultiprocessorCount * resident);
        ChunkCount = _gridSize * _shape.WarpCount / kvHeadCount;
    }

    public int KvHeadCount { get; }

    public int GroupSize { get; }

    /// <summary>Parts into which the work of a step is cut at most; <see cref="AttentionWork.ChunkCount"/> must be this or less.</summary>
    public int ChunkCount { get; }

    /// <summary>How sealed payloads lie in the pool of <see cref="AttentionWork.Sealed"/>.</summary>
    public PooledPayload Payload { get; }

    /// <summary>Entries that an open Block counts for.</summary>
    public int OpenWeight => _format.OpenWeight;

    public (long Partials, long States, long Scratch) RoomBytes(int sequenceCount)
    {
        long rows = (long)(ChunkCount + sequenceCount) * KvHeadCount * GroupSize;
        return (rows * _format.HeadSize * sizeof(float), rows * 2 * sizeof(float), 0);
    }

    public void Launch(CudaStream stream, int layer, in AttentionWork work, ulong scratch, bool isSealedStable) => Launch(stream, work, isSealedStable);

    /// <summary>Queues the step; with no Sequences, nothing.</summary>
    /// <param name="stream">Queues it.</param>
    /// <param name="work">The step in one layer.</param>
    /// <param name="isSealedStable">The kernel ahead in the stream does not write sealed Blocks, which are read before it has ended.</param>
    public void Launch(CudaStream stream, in AttentionWork work, bool isSealedStable = true)
    {
        if (work.SequenceCount == 0)
        {
            return;
        }

        _attention.Launch(stream, _gridSize, 1, _shape.ThreadCount, _isEarly && isSealedStable, work);
        int rows = KvHeadCount * GroupSize * work.SequenceCount;
        int parts = rows <= _multiprocessorCount ? 8 : rows <= 4 * _multiprocessorCount ? 4 : 1;
        _combine.Launch(stream, KvHeadCount * GroupSize, work.SequenceCount, parts * _format.HeadSize, _isEarly, work);
    }

    public void Dispose()
    {
        _attentionModule.Dispose();
        _combineModule.Dispose();
    }
}
