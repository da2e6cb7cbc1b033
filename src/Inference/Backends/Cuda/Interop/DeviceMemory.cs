namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>One allocation of the device's memory.</summary>
internal sealed class DeviceMemory : CudaHandle
{
    public DeviceMemory(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        CudaException.ThrowOn(CudaDriver.MemoryAllocate(out ulong address, (nuint)bytes), "cuMemAlloc", $"{bytes} bytes");
        SetHandle((nint)address);
        SizeBytes = bytes;
    }

    public ulong Address => (ulong)Value;

    public long SizeBytes { get; }

    protected override int Destroy(nint value) => CudaDriver.MemoryFree((ulong)value);
}
