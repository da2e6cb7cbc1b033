using System.Reflection;
using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Finds the driver, NVRTC and cuBLASLt under the versioned names that they have without a development kit: CUDA 13 first, then 12.</summary>
internal static class CudaLibraries
{
    public const string Driver = "cuda";
    public const string Compiler = "nvrtc";
    public const string MatrixMultiply = "cublasLt";

    private static readonly Dictionary<string, string[]> Names = OperatingSystem.IsWindows()
        ? new()
        {
            [Driver] = ["nvcuda.dll"],
            [Compiler] = ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"],
            [MatrixMultiply] = ["cublasLt64_13.dll", "cublasLt64_12.dll"],
        }
        : new()
        {
            [Driver] = ["libcuda.so.1", "libcuda.so"],
            [Compiler] = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"],
            [MatrixMultiply] = ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"],
        };

    private static readonly string[] HomeVariables = ["CUDA_HOME", "CUDA_PATH"];
    private static readonly string[] LibraryFolders = ["lib64", "lib", "bin"];
    private static readonly Lock Gate = new();
    private static bool _isRegistered;

    /// <summary>Makes the imports of this assembly look here. May be called again.</summary>
    public static void Register()
    {
        lock (Gate)
        {
            if (!_isRegistered)
            {
                NativeLibrary.SetDllImportResolver(typeof(CudaLibraries).Assembly, Resolve);
                _isRegistered = true;
            }
        }
    }

    /// <summary>Whether a library is there.</summary>
    public static bool IsPresent(string library) => Resolve(library, typeof(CudaLibraries).Assembly, null) != 0;

    /// <summary>The names under which a library was looked for.</summary>
    public static string NamesOf(string library) => string.Join(", ", Names[library]);

    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (!Names.TryGetValue(library, out string[]? names))
        {
            return 0;
        }

        foreach (string path in names.Concat(library == Driver ? [] : ToolkitPaths(names)))
        {
            if (NativeLibrary.TryLoad(path, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }

    /// <summary>Where a toolkit says that it is, when the loader does not know.</summary>
    private static IEnumerable<string> ToolkitPaths(string[] names) =>
        from variable in HomeVariables
        let home = Environment.GetEnvironmentVariable(variable)
        where !string.IsNullOrEmpty(home)
        from folder in LibraryFolders
        from name in names
        select Path.Combine(home, folder, name);
}
