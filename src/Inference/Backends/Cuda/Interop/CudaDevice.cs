using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A GPU, with the context that all threads of the process share. A thread that calls CUDA first calls <see cref="MakeCurrent"/>.</summary>
public sealed unsafe class CudaDevice : IDisposable
{
    /// <summary>Kernels use instructions of compute capability 8.0 (asynchronous copies) and more; they are tuned for 9.0.</summary>
    private const int LeastCapability = 80;

    private const int EarlyStartCapability = 90;
    private const int MultiprocessorCountAttribute = 16;
    private const int CapabilityMajorAttribute = 75;
    private const int CapabilityMinorAttribute = 76;
    private const int SharedBytesAttribute = 97;
    private const int MaxNameLength = 256;

    private readonly int _device;
    private nint _context;

    private CudaDevice(int ordinal)
    {
        CudaException.ThrowOn(CudaDriver.DeviceGet(out _device, ordinal), "cuDeviceGet", $"device {ordinal}");
        byte* name = stackalloc byte[MaxNameLength];
        CudaException.ThrowOn(CudaDriver.DeviceGetName(name, MaxNameLength, _device), "cuDeviceGetName");
        Name = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
        Capability = (10 * Attribute(CapabilityMajorAttribute)) + Attribute(CapabilityMinorAttribute);
        MultiprocessorCount = Attribute(MultiprocessorCountAttribute);
        SharedBytesPerBlock = Attribute(SharedBytesAttribute);
        CudaException.ThrowOn(CudaDriver.DeviceTotalMemory(out nuint bytes, _device), "cuDeviceTotalMem");
        MemoryBytes = (long)bytes;
    }

    public string Name { get; }

    /// <summary>Compute capability, major and minor digit: 90 is 9.0.</summary>
    public int Capability { get; }

    public int MultiprocessorCount { get; }

    /// <summary>Whether a kernel can start before the one ahead of it in its stream has ended.</summary>
    public bool StartsEarly => Capability >= EarlyStartCapability;

    /// <summary>Shared memory that one block of threads can ask for.</summary>
    public int SharedBytesPerBlock { get; }

    public long MemoryBytes { get; }

    /// <summary>Opens a device.</summary>
    /// <param name="ordinal">Which, from 0.</param>
    /// <param name="device">The device, current in this thread.</param>
    /// <param name="reason">Else one line that says why there is none and what to do.</param>
    public static bool TryOpen(int ordinal, [NotNullWhen(true)] out CudaDevice? device, [NotNullWhen(false)] out string? reason)
    {
        device = null;
        reason = WhyNone(ordinal);
        if (reason is not null)
        {
            return false;
        }

        var opened = new CudaDevice(ordinal);
        if (opened.Capability < LeastCapability)
        {
            reason = $"No CUDA: {opened.Name} has compute capability {opened.Capability / 10}.{opened.Capability % 10}; 8.0 is needed.";
            return false;
        }

        int result = CudaDriver.PrimaryContextRetain(out opened._context, opened._device);
        if (result != 0)
        {
            reason = $"No CUDA: {opened.Name} gave no context ({CudaException.NameOf(result)}); is its memory full, or is it in exclusive use?";
            return false;
        }

        opened.MakeCurrent();
        device = opened;
        return true;
    }

    /// <summary>CUDA calls of this thread go to this device from now on.</summary>
    public void MakeCurrent() => CudaException.ThrowOn(CudaDriver.ContextSetCurrent(_context), "cuCtxSetCurrent", Name);

    /// <summary>Waits for all work of this process on the device, after a failure.</summary>
    /// <returns>The error by which the device is lost to this process; null: it still works.</returns>
    public static CudaException? FindLoss()
    {
        int result = CudaDriver.ContextSynchronize();
        var error = result == 0 ? null : new CudaException(CudaException.NameOf(result), "cuCtxSynchronize", string.Empty);
        return error is { IsDeviceLost: true } ? error : null;
    }

    /// <summary>Free device memory in bytes.</summary>
    public long FreeBytes()
    {
        CudaException.ThrowOn(CudaDriver.MemoryGetInfo(out nuint free, out _), "cuMemGetInfo", Name);
        return (long)free;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Name}, {MemoryBytes / (double)(1L << 30):F0} GiB, {MultiprocessorCount} multiprocessors, compute capability {Capability / 10}.{Capability % 10}");

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _context, 0) != 0)
        {
            _ = CudaDriver.PrimaryContextRelease(_device);
        }
    }

    private static string? WhyNone(int ordinal)
    {
        CudaLibraries.Register();
        if (!CudaLibraries.IsPresent(CudaLibraries.Driver))
        {
            return $"No CUDA: the NVIDIA driver was not found ({CudaLibraries.NamesOf(CudaLibraries.Driver)}); install it, or use --backend cpu.";
        }

        int result = CudaDriver.Init(0);
        if (result != 0)
        {
            return $"No CUDA: the NVIDIA driver did not start ({CudaException.NameOf(result)}); is a GPU visible to this process?";
        }

        CudaException.ThrowOn(CudaDriver.DeviceGetCount(out int count), "cuDeviceGetCount");
        return ordinal >= 0 && ordinal < count ? null : $"No CUDA: there is no device {ordinal}; {count} are visible.";
    }

    private int Attribute(int attribute)
    {
        CudaException.ThrowOn(CudaDriver.DeviceGetAttribute(out int value, attribute, _device), "cuDeviceGetAttribute", $"attribute {attribute}");
        return value;
    }
}
