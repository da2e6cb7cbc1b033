using System.Diagnostics.CodeAnalysis;
using KvCluster.Compression.Codecs;
using KvCluster.Compression.Saliency;
using KvCluster.Inference.Backends.Cuda.Attention;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.SlabEncoding;

/// <summary>
/// Encodes Blocks on the device, all of a step in one go: Kernels/encode_blocks.cu, of `raw` encode_raw.cu. The payloads are those of the codec on the CPU, byte for byte, as long
/// as both choose the same salient tokens; saliencies differ by rounding.
/// </summary>
internal sealed class SlabEncoder : IBlockEncoder
{
    private const int ThreadCount = 128;

    /// <summary>Floats of a head and Block that the first kernel leaves for the second, beside two for each channel.</summary>
    private const int ScratchPerHead = 320;

    private readonly CudaModule _module;
    private readonly CudaKernel? _findRanges;
    private readonly CudaKernel _writeCodes;
    private readonly SaliencyRule? _saliency;
    private readonly bool _isEarly;
    private readonly int _scratchBytesPerBlock;
    private readonly int _slabPayloadBytes;

    private SlabEncoder(CudaDevice device, KernelCompiler compiler, AttentionFormat format, KvCodec codec)
    {
        _saliency = format.SalientTokenCount > 0 ? codec.Saliency : null;
        _isEarly = device.StartsEarly;
        Payload = PooledPayload.Of(format, codec.Geometry.KvHeadCount);
        _slabPayloadBytes = codec.MaxPayloadSizeBytes(0);
        _scratchBytesPerBlock = format.IsRaw ? 0 : sizeof(float) * codec.Geometry.KvHeadCount * (ScratchPerHead + (2 * format.HeadSize));
        _module = compiler.Load(format.IsRaw ? "encode_raw.cu" : "encode_blocks.cu", format.Defines());
        _findRanges = format.IsRaw ? null : _module.Kernel("find_ranges");
        _writeCodes = _module.Kernel("write_codes");
    }

    /// <summary>How payloads lie in the pool of sealed Blocks.</summary>
    public PooledPayload Payload { get; }

    /// <param name="device">Current in this thread.</param>
    /// <param name="compiler">For it.</param>
    /// <param name="codec">Whose payloads are written.</param>
    /// <param name="groupSize">Query heads of a KV head.</param>
    /// <param name="encoder">If kernels write them.</param>
    /// <param name="reason">Else a line that says what they do not write.</param>
    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public static bool TryCreate(
        CudaDevice device,
        KernelCompiler compiler,
        KvCodec codec,
        int groupSize,
        [NotNullWhen(true)] out SlabEncoder? encoder,
        [NotNullWhen(false)] out string? reason)
    {
        encoder = null;
        if (!AttentionFormat.TryCreate(codec, groupSize, out AttentionFormat? format, out reason) || !IsEncodable(codec, format, out reason))
        {
            return false;
        }

        encoder = new SlabEncoder(device, compiler, format, codec);
        return true;
    }

    /// <summary>Whether kernels write it; else the host's codec does.</summary>
    public static bool IsEncodable(KvCodec codec, AttentionFormat format, [NotNullWhen(false)] out string? reason)
    {
        reason = format.IsDecoded ? $"The CUDA kernels do not write '{codec.Spec}'."
            : format.SalientTokenCount > 0 && codec.Saliency is null ? $"The CUDA kernels choose salient tokens by the probes of each Block; they do not write '{codec.Spec}'."
            : null;
        return reason is null;
    }

    /// <summary>The same in every layer.</summary>
    public int SlabPayloadBytes(int layer) => _slabPayloadBytes;

    public long ScratchBytes(int blockCount) => (long)_scratchBytesPerBlock * blockCount;

    public ulong Probes(int blockIndex)
    {
        ulong probes = 0;
        foreach (int column in _saliency is null ? default : _saliency.BlockProbes.Columns(blockIndex))
        {
            probes |= 1UL << column;
        }

        return probes;
    }

    public void Launch(CudaStream stream, int layer, in EncodeWork work)
    {
        if (work.ItemCount == 0)
        {
            return;
        }

        _findRanges?.Launch(stream, work.KvHeadCount, work.ItemCount, ThreadCount, _isEarly, work, gridZ: 2);
        _writeCodes.Launch(stream, work.KvHeadCount, work.ItemCount, ThreadCount, _isEarly, work, gridZ: 2);
    }

    public void Dispose() => _module.Dispose();
}
