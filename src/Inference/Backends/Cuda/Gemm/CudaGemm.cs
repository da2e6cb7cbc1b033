using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Gemm;

/// <summary>
/// Products of activations and weights by cuBLASLt: bf16 in, sums in 32 bits. How is asked for, and for few rows tried, once a shape and kept: the first
/// product of a shape can't be part of a graph, and callers round row counts (<see cref="RowBucket.Of"/>). One stream at a time.
/// </summary>
internal sealed unsafe class CudaGemm : IDisposable
{
    private const long WorkspaceBytes = 32 << 20;

    /// <summary>Up to so many rows the weights' way from memory is all that matters, and how it is done differs much.</summary>
    private const int MaxTriedRows = RowBucket.MaxDecodeRows;

    /// <summary>More than the second-level cache holds, so that weights come from memory in each trial.</summary>
    private const long FlushBytes = 128 << 20;

    private readonly Dictionary<(int Rows, int Columns, int Depth, GemmOutput Output), GemmPlan> _plans = [];
    private readonly CublasLtObject _library;
    private readonly DeviceMemory _workspace;

    /// <exception cref="CudaException">cuBLASLt is missing (its names are in the message), or the device has no room.</exception>
    public CudaGemm()
    {
        if (!CudaLibraries.IsPresent(CudaLibraries.MatrixMultiply))
        {
            throw new CudaException(
                "CUBLASLT_NOT_FOUND",
                "cublasLtCreate",
                $"none of {CudaLibraries.NamesOf(CudaLibraries.MatrixMultiply)}; install the CUDA libraries, or set CUDA_HOME");
        }

        CublasLt.ThrowOn(CublasLt.Create(out nint handle), "cublasLtCreate", string.Empty);
        _library = new CublasLtObject(handle, CublasLt.Destroy);
        _workspace = new DeviceMemory(WorkspaceBytes);
    }

    /// <summary>output [rows][columns] = input [rows][depth] times the transpose of weights [columns][depth].</summary>
    /// <param name="stream">Queues it.</param>
    /// <param name="weights">bf16, aligned to 16 bytes; depth is a multiple of 8.</param>
    /// <param name="input">bf16, likewise.</param>
    /// <param name="output">As <paramref name="kind"/> says.</param>
    /// <param name="rows">Of input and output.</param>
    /// <param name="columns">Rows of the weights.</param>
    /// <param name="depth">Summed over.</param>
    /// <param name="kind">Type of the output, and whether it is added to.</param>
    public void Multiply(CudaStream stream, ulong weights, ulong input, ulong output, int rows, int columns, int depth, GemmOutput kind)
    {
        if (!_plans.TryGetValue((rows, columns, depth, kind), out GemmPlan? plan))
        {
            plan = new GemmPlan(_library.Value, WorkspaceBytes, rows, columns, depth, kind);
            if (rows <= MaxTriedRows)
            {
                using var scratch = new DeviceMemory(Math.Max(FlushBytes, (long)rows * columns * sizeof(float)));
                plan.ChooseFastest(_library.Value, stream, weights, input, scratch, _workspace);
            }

            _plans.Add((rows, columns, depth, kind), plan);
        }

        plan.Run(_library.Value, stream, weights, input, output, _workspace);
    }

    public void Dispose()
    {
        foreach (GemmPlan plan in _plans.Values)
        {
            plan.Dispose();
        }

        _plans.Clear();
        _workspace.Dispose();
        _library.Dispose();
    }
}
