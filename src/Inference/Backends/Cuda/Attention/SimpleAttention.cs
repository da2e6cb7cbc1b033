using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Attention;

/// <summary>The same results as <see cref="DecodeAttention"/> by the obvious kernel, Kernels/simple_attention.cu: the oracle on the device.</summary>
internal sealed class SimpleAttention : IDisposable
{
    private readonly CudaModule _module;
    private readonly CudaKernel _kernel;
    private readonly int _headSize;

    public SimpleAttention(KernelCompiler compiler, AttentionFormat format)
    {
        _headSize = format.HeadSize;
        _module = compiler.Load("simple_attention.cu", format.Defines());
        _kernel = _module.Kernel("simple_attention");
    }

    public void Launch(CudaStream stream, in AttentionWork work)
    {
        if (work.SequenceCount > 0)
        {
            _kernel.Launch(stream, work.KvHeadCount * work.GroupSize, work.SequenceCount, _headSize, isEarly: false, work);
        }
    }

    public void Dispose() => _module.Dispose();
}
