using System.Runtime.InteropServices;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A CUDA call failed.</summary>
public sealed class CudaException : Exception
{
    private const int Deinitialized = 4;

    /// <summary>
    /// Errors that the driver's manual says leave the process in a state that only a new one gets out of, and those by which a device, its context or
    /// its driver is gone. All others are of the call that failed.
    /// </summary>
    private static readonly HashSet<string> Losses =
    [
        "CUDA_ERROR_ILLEGAL_ADDRESS", "CUDA_ERROR_LAUNCH_FAILED", "CUDA_ERROR_ECC_UNCORRECTABLE", "CUDA_ERROR_HARDWARE_STACK_ERROR",
        "CUDA_ERROR_ILLEGAL_INSTRUCTION", "CUDA_ERROR_MISALIGNED_ADDRESS", "CUDA_ERROR_INVALID_ADDRESS_SPACE", "CUDA_ERROR_INVALID_PC",
        "CUDA_ERROR_LAUNCH_TIMEOUT", "CUDA_ERROR_CONTEXT_IS_DESTROYED", "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA_ERROR_SYSTEM_NOT_READY",
        "CUDA_ERROR_ASSERT", "CUDA_ERROR_NVLINK_UNCORRECTABLE", "CUDA_ERROR_CONTAINED", "CUDA_ERROR_TENSOR_MEMORY_LEAK", "CUDA_ERROR_EXTERNAL_DEVICE",
        "CUDA_ERROR_NO_DEVICE", "CUDA_ERROR_DEINITIALIZED", "CUDA_ERROR_UNKNOWN", "CUDA_ERROR_MPS_CONNECTION_FAILED", "CUDA_ERROR_MPS_RPC_FAILURE",
        "CUDA_ERROR_MPS_SERVER_NOT_READY", "CUDA_ERROR_MPS_CLIENT_TERMINATED",
    ];

    internal CudaException(string name, string call, string context)
        : base(context.Length == 0 ? $"{call} failed: {name}." : $"{call} failed: {name} ({context}).")
    {
        Name = name;
        Call = call;
        Context = context;
    }

    /// <summary>E.g. <c>CUDA_ERROR_OUT_OF_MEMORY</c>.</summary>
    public string Name { get; }

    /// <summary>The function that failed.</summary>
    public string Call { get; }

    /// <summary>What it was called for; may be empty.</summary>
    public string Context { get; }

    /// <summary>The device has no room; nothing else is wrong.</summary>
    public bool IsOutOfMemory => Name is "CUDA_ERROR_OUT_OF_MEMORY" or "CUBLAS_STATUS_ALLOC_FAILED";

    /// <summary>The device or its context is lost for this process; it can only be started anew.</summary>
    public bool IsDeviceLost => Losses.Contains(Name);

    /// <exception cref="CudaException"><paramref name="result"/> is an error of the driver.</exception>
    internal static void ThrowOn(int result, string call, string context = "")
    {
        if (result != 0)
        {
            throw new CudaException(NameOf(result), call, context);
        }
    }

    /// <summary>For finalizers and Dispose: errors that mean that the driver has gone away already are none.</summary>
    internal static bool IsReleased(int result) => result is 0 or Deinitialized;

    internal static unsafe string NameOf(int result) =>
        CudaDriver.GetErrorName(result, out byte* name) == 0 && name != null ? Marshal.PtrToStringUTF8((nint)name)! : $"error {result}";
}
