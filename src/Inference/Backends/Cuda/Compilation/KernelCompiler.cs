using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Backends.Cuda.Compilation;

/// <summary>Compiles kernel files to machine code for one device with NVRTC, or takes them from the cache.</summary>
/// <param name="device">Current in the calling thread.</param>
/// <param name="cache">Of compiled kernels.</param>
internal sealed unsafe class KernelCompiler(CudaDevice device, KernelCache cache)
{
    /// <summary>Whose matrix instructions of warpgroups are only in sm_90a.</summary>
    private const int WarpgroupCapability = 90;

    /// <summary>Loads a kernel file.</summary>
    /// <param name="file">E.g. <c>decode_attention.cu</c>.</param>
    /// <param name="defines">Macros and their values.</param>
    /// <exception cref="CudaException">NVRTC is missing (its names are in the message), or does not accept the file (its log is).</exception>
    public CudaModule Load(string file, IReadOnlyDictionary<string, int> defines)
    {
        string[] options =
        [
            $"--gpu-architecture=sm_{device.Capability}{(device.Capability == WarpgroupCapability ? "a" : string.Empty)}",
            "--std=c++17",
            .. defines.OrderBy(define => define.Key, StringComparer.Ordinal)
                .Select(define => string.Create(CultureInfo.InvariantCulture, $"--define-macro={define.Key}={define.Value}")),
        ];
        string source = KernelSource.Read(file);
        string key = KernelCache.Key(CompilerVersion(), options, source, KernelSource.Headers);
        byte[]? cubin = cache.Find(key);
        if (cubin is null)
        {
            cubin = Compile(file, source, options);
            _ = cache.Store(key, cubin);
        }

        return new CudaModule(cubin, file);
    }

    private static string CompilerVersion()
    {
        if (!CudaLibraries.IsPresent(CudaLibraries.Compiler))
        {
            throw new CudaException(
                "NVRTC_NOT_FOUND", "nvrtcVersion", $"none of {CudaLibraries.NamesOf(CudaLibraries.Compiler)}; install the CUDA runtime, or set CUDA_HOME");
        }

        ThrowOn(Nvrtc.Version(out int major, out int minor), "nvrtcVersion", string.Empty);
        return string.Create(CultureInfo.InvariantCulture, $"nvrtc {major}.{minor}");
    }

    private static byte[] Compile(string file, string source, string[] options)
    {
        var strings = new List<nint>();
        nint program = 0;
        try
        {
            byte** headers = Pointers(KernelSource.Headers.Values, strings);
            byte** names = Pointers(KernelSource.Headers.Keys, strings);
            byte** flags = Pointers(options, strings);
            ThrowOn(Nvrtc.CreateProgram(out program, source, file, KernelSource.Headers.Count, headers, names), "nvrtcCreateProgram", file);
            int result = Nvrtc.CompileProgram(program, options.Length, flags);
            if (result != 0)
            {
                ThrowOn(result, "nvrtcCompileProgram", $"{file} {string.Join(' ', options)}\n{Log(program)}");
            }

            ThrowOn(Nvrtc.GetCubinSize(program, out nuint size), "nvrtcGetCUBINSize", file);
            byte[] cubin = new byte[size];
            fixed (byte* bytes = cubin)
            {
                ThrowOn(Nvrtc.GetCubin(program, bytes), "nvrtcGetCUBIN", file);
            }

            return cubin;
        }
        finally
        {
            if (program != 0)
            {
                _ = Nvrtc.DestroyProgram(ref program);
            }

            foreach (nint text in strings)
            {
                NativeMemory.Free((void*)text);
            }
        }
    }

    private static string Log(nint program)
    {
        if (Nvrtc.GetProgramLogSize(program, out nuint size) != 0 || size == 0)
        {
            return string.Empty;
        }

        byte[] log = new byte[size];
        fixed (byte* bytes = log)
        {
            return Nvrtc.GetProgramLog(program, bytes) == 0 ? Encoding.UTF8.GetString(log).TrimEnd('\0', '\n') : string.Empty;
        }
    }

    /// <summary>C strings and an array of them; all freed through <paramref name="allocated"/>.</summary>
    private static byte** Pointers(IEnumerable<string> texts, List<nint> allocated)
    {
        string[] all = [.. texts];
        byte** pointers = (byte**)NativeMemory.Alloc((nuint)Math.Max(all.Length, 1), (nuint)sizeof(byte*));
        allocated.Add((nint)pointers);
        for (int i = 0; i < all.Length; i++)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(all[i]);
            pointers[i] = (byte*)NativeMemory.AllocZeroed((nuint)bytes.Length + 1);
            allocated.Add((nint)pointers[i]);
            bytes.CopyTo(new Span<byte>(pointers[i], bytes.Length));
        }

        return pointers;
    }

    private static void ThrowOn(int result, string call, string context)
    {
        if (result != 0)
        {
            throw new CudaException(Marshal.PtrToStringUTF8((nint)Nvrtc.GetErrorString(result)) ?? $"error {result}", call, context);
        }
    }
}
