using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>The functions of cuBLASLt in use. Those that return an int return 0 or a status for <see cref="ThrowOn"/>.</summary>
internal static unsafe partial class CublasLt
{
    public const int BrainFloat = 14;
    public const int Single = 0;

    /// <summary>Products of any type, sums in 32 bits.</summary>
    public const int Compute32 = 68;

    public const int TransposeA = 3;
    public const int Transposed = 1;
    public const int MaxWorkspaceBytes = 1;

    private const string Library = CudaLibraries.MatrixMultiply;

    static CublasLt() => CudaLibraries.Register();

    [LibraryImport(Library, EntryPoint = "cublasLtGetStatusName")]
    public static partial byte* GetStatusName(int status);

    [LibraryImport(Library, EntryPoint = "cublasLtGetVersion")]
    public static partial nuint GetVersion();

    [LibraryImport(Library, EntryPoint = "cublasLtCreate")]
    public static partial int Create(out nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtDestroy")]
    public static partial int Destroy(nint handle);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescCreate")]
    public static partial int DescriptionCreate(out nint description, int computeType, int scaleType);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescDestroy")]
    public static partial int DescriptionDestroy(nint description);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulDescSetAttribute")]
    public static partial int DescriptionSetAttribute(nint description, int attribute, void* value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutCreate")]
    public static partial int LayoutCreate(out nint layout, int type, ulong rows, ulong columns, long leadingDimension);

    [LibraryImport(Library, EntryPoint = "cublasLtMatrixLayoutDestroy")]
    public static partial int LayoutDestroy(nint layout);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceCreate")]
    public static partial int PreferenceCreate(out nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceDestroy")]
    public static partial int PreferenceDestroy(nint preference);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulPreferenceSetAttribute")]
    public static partial int PreferenceSetAttribute(nint preference, int attribute, void* value, nuint bytes);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmulAlgoGetHeuristic")]
    public static partial int GetHeuristic(
        nint handle, nint description, nint a, nint b, nint c, nint d, nint preference, int wanted, MatmulHeuristic* results, out int found);

    [LibraryImport(Library, EntryPoint = "cublasLtMatmul")]
    public static partial int Matmul(
        nint handle,
        nint description,
        float* alpha,
        ulong a,
        nint layoutA,
        ulong b,
        nint layoutB,
        float* beta,
        ulong c,
        nint layoutC,
        ulong d,
        nint layoutD,
        MatmulAlgorithm* algorithm,
        ulong workspace,
        nuint workspaceBytes,
        nint stream);

    /// <exception cref="CudaException"><paramref name="status"/> is an error.</exception>
    public static void ThrowOn(int status, string call, string context)
    {
        if (status != 0)
        {
            throw new CudaException(Marshal.PtrToStringUTF8((nint)GetStatusName(status)) ?? $"status {status}", call, context);
        }
    }

    /// <summary>cublasLtMatmulAlgo_t.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    internal struct MatmulAlgorithm;

    /// <summary>cublasLtMatmulHeuristicResult_t.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 96)]
    internal struct MatmulHeuristic
    {
        public MatmulAlgorithm Algorithm;
        public nuint WorkspaceBytes;
        public int State;
    }
}
