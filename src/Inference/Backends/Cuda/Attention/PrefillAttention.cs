using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>
/// Causal attention of new tokens to themselves in 16 bits and to earlier, encoded Blocks, which <see cref="Expand"/> turns to rows of 16-bit floats
/// first: once for all queries and heads that read them. Kernels/prefill_attention_warpgroup.cu on compute capability 9.0, else prefill_attention.cu.
/// </summary>
internal sealed class PrefillAttention : IDisposable
{
    private const int WarpgroupCapability = 90;
    private const int WarpgroupThreadCount = 384;
    private const int WarpgroupKeyCount = 128;
    private const int WarpgroupStageCount = 2;
    private const int WarpThreadCount = 128;
    private const int WarpKeyCount = 64;
    private const int ExpandThreadCount = 128;
    private const int SwizzleAlignment = 1024;

    private readonly CudaModule _module;
    private readonly CudaModule _expandModule;
    private readonly CudaKernel _kernel;
    private readonly CudaKernel _expand;
    private readonly bool _isWarpgroup;
    private readonly bool _isEarly;
    private readonly int _headSize;

    /// <param name="device">Current in this thread.</param>
    /// <param name="compiler">For it.</param>
    /// <param name="format">Of earlier Blocks.</param>
    /// <param name="isPlain">Whether to use prefill_attention.cu on any device.</param>
    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public PrefillAttention(CudaDevice device, KernelCompiler compiler, AttentionFormat format, bool isPlain = false)
    {
        _headSize = format.HeadSize;
        _isWarpgroup = device.Capability == WarpgroupCapability && !isPlain;
        _isEarly = device.StartsEarly;
        _expandModule = compiler.Load("expand_blocks.cu", format.Defines());
        _expand = _expandModule.Kernel("expand_blocks");
        int queryBytes = PrefillTables.TileRowCount * _headSize * sizeof(ushort);
        if (_isWarpgroup)
        {
            var defines = new Dictionary<string, int> { ["HEAD_SIZE"] = _headSize, ["KEYS"] = WarpgroupKeyCount, ["STAGES"] = WarpgroupStageCount };
            _module = compiler.Load("prefill_attention_warpgroup.cu", defines);
            int ringBytes = 2 * WarpgroupStageCount * WarpgroupKeyCount * _headSize * sizeof(ushort);
            int barrierBytes = sizeof(ulong) * (1 + (4 * WarpgroupStageCount));
            _kernel = _module.Kernel("prefill_attention", SwizzleAlignment + queryBytes + ringBytes + barrierBytes);
        }
        else
        {
            _module = compiler.Load("prefill_attention.cu", new Dictionary<string, int> { ["HEAD_SIZE"] = _headSize });
            _kernel = _module.Kernel("prefill_attention", queryBytes + (4 * WarpKeyCount * _headSize * sizeof(ushort)));
        }
    }

    /// <summary>Queues the turning of earlier Blocks to rows (<see cref="PrefillTables.Blocks"/>): before <see cref="Launch"/> of the same layer.</summary>
    public void Expand(CudaStream stream, in ExpandWork work)
    {
        if (work.ItemCount > 0)
        {
            _expand.Launch(stream, work.KvHeadCount, work.ItemCount, ExpandThreadCount, _isEarly, work, gridZ: 2);
        }
    }

    /// <summary>Queues attention; with no tiles, nothing.</summary>
    public void Launch(CudaStream stream, in PrefillWork work)
    {
        if (work.TileCount == 0)
        {
            return;
        }

        int heads = work.KvHeadCount * work.GroupSize;
        if (!_isWarpgroup)
        {
            _kernel.Launch(stream, heads, work.TileCount, WarpThreadCount, _isEarly, work);
            return;
        }

        int channels = work.KvHeadCount * _headSize;
        var key = TensorMap.Of(work.Key, channels, work.RowCount, work.KeyStride, WarpgroupKeyCount);
        var all = new WarpgroupWork
        {
            Query = TensorMap.Of(work.Query, heads * _headSize, work.RowCount, work.QueryStride, PrefillTables.TileRowCount),
            Key = key,
            Value = TensorMap.Of(work.Value, channels, work.RowCount, work.ValueStride, WarpgroupKeyCount),
            PastKey = work.PastRowCount == 0 ? key : TensorMap.Of(work.PastKey, channels, work.PastRowCount, channels, WarpgroupKeyCount),
            PastValue = work.PastRowCount == 0 ? key : TensorMap.Of(work.PastValue, channels, work.PastRowCount, channels, WarpgroupKeyCount),
            Work = work,
        };
        _kernel.Launch(stream, heads, work.TileCount, WarpgroupThreadCount, _isEarly, all);
    }

    public void Dispose()
    {
        _module.Dispose();
        _expandModule.Dispose();
    }
}
