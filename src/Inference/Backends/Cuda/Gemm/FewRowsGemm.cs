using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>Products of few rows by Kernels/few_rows.cu, which begins to read weights while the kernel ahead of it still runs.</summary>
internal sealed class FewRowsGemm : IDisposable
{
    public const int MaxRows = 32;

    private const int TileRows = 8;
    private const int WarpCount = 16;
    private const int BlockColumns = 32;
    private const int DepthMultiple = 64;

    private readonly Dictionary<int, (CudaModule Module, CudaKernel Kernel)> _kernels = [];
    private readonly bool _isEarly;

    /// <exception cref="CudaException">Kernels could not be compiled or loaded.</exception>
    public FewRowsGemm(CudaDevice device, KernelCompiler compiler)
    {
        _isEarly = device.StartsEarly;
        foreach (int tiles in (ReadOnlySpan<int>)[1, 2, 4])
        {
            CudaModule module = compiler.Load("few_rows.cu", new Dictionary<string, int> { ["ROW_TILES"] = tiles });
            _kernels.Add(tiles, (module, module.Kernel("few_rows", sizeof(float) * WarpCount * BlockColumns * ((TileRows * tiles) + 1))));
        }
    }

    /// <summary>Whether there is a kernel for the shape.</summary>
    public static bool Takes(int rows, int columns, int depth) => rows <= MaxRows && columns % BlockColumns == 0 && depth % DepthMultiple == 0;

    /// <summary>As <see cref="CudaGemm.Multiply"/>.</summary>
    public void Multiply(CudaStream stream, ulong weights, ulong input, ulong output, int rows, int columns, int depth, GemmOutput kind)
    {
        var work = new Work
        {
            Weights = weights,
            Input = input,
            Output = output,
            Rows = rows,
            Columns = columns,
            Depth = depth,
            Kind = (int)kind,
        };
        int tiles = rows <= TileRows ? 1 : rows <= 2 * TileRows ? 2 : 4;
        _kernels[tiles].Kernel.Launch(stream, columns / BlockColumns, 1, 32 * WarpCount, _isEarly, work);
    }

    public void Dispose()
    {
        foreach ((CudaModule module, _) in _kernels.Values)
        {
            module.Dispose();
        }
    }

    /// <summary><c>struct FewRows</c> of the kernel.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Work
    {
        public ulong Weights;
        public ulong Input;
        public ulong Output;
        public int Rows;
        public int Columns;
        public int Depth;
        public int Kind;
    }
}
