using KvCluster.Inference.Backends.Cuda.Compilation;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>The GPU of this machine, opened once for all tests; a test that needs one is skipped where there is none.</summary>
internal static class Gpu
{
    private static readonly Lazy<(CudaDevice? Device, string? Reason)> Opened = new(Open);

    /// <summary>The device, current in this thread; else the test is skipped.</summary>
    public static CudaDevice Required()
    {
        (CudaDevice? device, string? reason) = Opened.Value;
        Assert.SkipWhen(device is null, reason ?? string.Empty);
        device!.MakeCurrent();
        return device;
    }

    public static KernelCompiler Compiler() => new(Required(), KernelCache.Default);

    private static (CudaDevice? Device, string? Reason) Open() =>
        CudaDevice.TryOpen(0, out CudaDevice? device, out string? reason) ? (device, null) : (null, reason);
}
