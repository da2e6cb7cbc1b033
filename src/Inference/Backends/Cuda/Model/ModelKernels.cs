using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;
using KvCluster.Inference.Sampling;

namespace KvCluster.Inference.Backends.Cuda.Model;

/// <summary>Launches Kernels/model.cu, where the shapes are. Addresses are the device's; 0 where a weight may be missing.</summary>
internal sealed class ModelKernels : IDisposable
{
    private const int ThreadCount = 256;
    private const int WarpCount = ThreadCount / 32;
    private const int PickThreadCount = 1024;
    private const int DrawThreadCount = 1024;
    private const int FillBlockCount = 2048;

    private readonly CudaModule _module;
    private readonly CudaKernel _embed;
    private readonly CudaKernel _norm;
    private readonly CudaKernel _append;
    private readonly CudaKernel _gate;
    private readonly CudaKernel _pick;
    private readonly CudaKernel _draw;
    private readonly CudaKernel _fill;
    private readonly bool _isEarly;

    public ModelKernels(CudaDevice device, KernelCompiler compiler, int headSize)
    {
        _isEarly = device.StartsEarly;
        _module = compiler.Load("model.cu", new Dictionary<string, int> { ["HEAD_SIZE"] = headSize });
        _embed = _module.Kernel("embed");
        _norm = _module.Kernel("rms_norm");
        _append = _module.Kernel("append");
        _gate = _module.Kernel("gate");
        _pick = _module.Kernel("pick");
        _draw = _module.Kernel("draw");
        _fill = _module.Kernel("fill_random");
    }

    public void Launch(CudaStream stream, in Embed work, int rows) => _embed.Launch(stream, rows, 1, ThreadCount, isEarly: false, work);

    public void Launch(CudaStream stream, in Norm work, int rows) => _norm.Launch(stream, rows, 1, ThreadCount, _isEarly, work);

    public void Launch(CudaStream stream, in Append work, int rows) =>
        _append.Launch(stream, (work.HeadCount + (2 * work.KvHeadCount) + WarpCount - 1) / WarpCount, rows, ThreadCount, _isEarly, work);

    public void Launch(CudaStream stream, in Gate work, int rows) =>
        _gate.Launch(stream, ((work.Width / 8) + ThreadCount - 1) / ThreadCount, rows, ThreadCount, _isEarly, work);

    public void Launch(CudaStream stream, in Pick work, int rows) => _pick.Launch(stream, rows, 1, PickThreadCount, _isEarly, work);

    public void Launch(CudaStream stream, in Draw work, int rows) => _draw.Launch(stream, rows, 1, DrawThreadCount, isEarly: false, work);

    public void Launch(CudaStream stream, in Fill work) => _fill.Launch(stream, FillBlockCount, 1, ThreadCount, isEarly: false, work);

    public void Dispose() => _module.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    internal struct Embed
    {
        public ulong Table;
        public ulong Tokens;
        public ulong Hidden;
        public int Width;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Norm
    {
        public ulong Hidden;
        public ulong Bias;
        public ulong Weight;
        public ulong Rows;
        public ulong Output;
        public int Width;
        public float Epsilon;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Append
    {
        public ulong Projected;
        public ulong Bias;
        public ulong QueryNorm;
        public ulong KeyNorm;
        public ulong Rotation;
        public ulong Positions;
        public ulong Pages;
        public ulong Probes;
        public ulong Query;
        public ulong QueryRows;
        public ulong KeyRows;
        public ulong ValueRows;
        public ulong Open;
        public ulong ProbeQueries;
        public ulong Failures;
        public ulong OpenStride;
        public int HeadCount;
        public int KvHeadCount;
        public int Layer;
        public float Epsilon;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Gate
    {
        public ulong GateUp;
        public ulong Bias;
        public ulong Output;
        public int Width;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Pick
    {
        public ulong Logits;
        public ulong Picked;
        public int VocabularySize;
        public int Stride;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Draw
    {
        public ulong Logits;
        public ulong Rows;
        public ulong Picked;
        public int VocabularySize;
        public int Stride;
    }

    /// <summary>An element of <see cref="Draw.Rows"/>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct DrawRow
    {
        public double Uniform;
        public float InverseTemperature;
        public float TopP;
        public float MinP;
        public int TopK;
        public int IsDrawn;
        public int IsSorted;

        public static DrawRow Of(in TokenDraw draw, int vocabularySize) => new()
        {
            Uniform = draw.Uniform,
            InverseTemperature = 1 / draw.Temperature,
            TopP = draw.TopP,
            MinP = draw.MinP,
            TopK = draw.TopK < vocabularySize ? draw.TopK : 0,
            IsDrawn = draw.IsGreedy ? 0 : 1,
            IsSorted = draw.IsSorted(vocabularySize) ? 1 : 0,
        };
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct Fill
    {
        public ulong To;
        public ulong Count;
        public ulong Seed;
        public float Scale;
    }
}
