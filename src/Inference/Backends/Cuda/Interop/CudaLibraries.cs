using System.Reflection;
using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>Finds the driver and NVRTC under the versioned names that they have without a development kit: CUDA 13 first, then 12.</summary>
internal static class CudaLibraries
{
    public const string Driver = "cuda";
    public const string Compiler = "nvrtc";

    private static readonly string[] DriverNames = OperatingSystem.IsWindows() ? ["nvcuda.dll"] : ["libcuda.so.1", "libcuda.so"];

    private static readonly string[] CompilerNames = OperatingSystem.IsWindows()
        ? ["nvrtc64_130_0.dll", "nvrtc64_120_0.dll"]
        : ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"];

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
    public static string NamesOf(string library) => string.Join(", ", library == Driver ? DriverNames : CompilerNames);

    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath)
    {
        string[] names = library switch
        {
            Driver => DriverNames,
            Compiler => CompilerNames,
            _ => [],
        };
        foreach (string path in names.Concat(library == Compiler ? ToolkitPaths() : []))
        {
            if (NativeLibrary.TryLoad(path, out nint handle))
            {
                return handle;
            }
        }

        return 0;
    }

    /// <summary>Where a toolkit says that it is, when the loader does not know.</summary>
    private static IEnumerable<string> ToolkitPaths() =>
        from variable in HomeVariables
        let home = Environment.GetEnvironmentVariable(variable)
        where !string.IsNullOrEmpty(home)
        from folder in LibraryFolders
        from name in CompilerNames
        select Path.Combine(home, folder, name);
}
