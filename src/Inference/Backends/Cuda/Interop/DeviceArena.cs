namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>
/// Device memory for everything that lives as long as a model, or comes and goes with Sequences: taken from the driver once, so that nothing is
/// allocated while work runs. Safe for many threads.
/// </summary>
internal sealed class DeviceArena : IDisposable
{
    /// <summary>Of every buffer, in bytes.</summary>
    public const int Alignment = 256;

    private readonly Lock _gate = new();
    private readonly DeviceMemory _memory;
    private readonly ArenaRanges _ranges;

    /// <exception cref="CudaException">The device has no room for <paramref name="sizeBytes"/>.</exception>
    public DeviceArena(long sizeBytes)
    {
        long rounded = (sizeBytes + Alignment - 1) / Alignment * Alignment;
        _ranges = new ArenaRanges(rounded, Alignment);
        _memory = new DeviceMemory(rounded);
    }

    public long SizeBytes => _ranges.SizeBytes;

    public long UsedBytes
    {
        get
        {
            lock (_gate)
            {
                return _ranges.UsedBytes;
            }
        }
    }

    /// <exception cref="CudaException">The arena is full: <see cref="CudaException.IsOutOfMemory"/>.</exception>
    public DeviceBuffer Allocate(long sizeBytes)
    {
        lock (_gate)
        {
            return _ranges.TryAllocate(sizeBytes, out long offset)
                ? new DeviceBuffer(this, offset, _memory.Address + (ulong)offset, sizeBytes)
                : throw new CudaException(
                    "CUDA_ERROR_OUT_OF_MEMORY", "DeviceArena.Allocate", $"{sizeBytes} bytes of an arena with {_ranges.SizeBytes - _ranges.UsedBytes} of {_ranges.SizeBytes} free");
        }
    }

    public void Release(long offset)
    {
        lock (_gate)
        {
            _ranges.Release(offset);
        }
    }

    public void Dispose() => _memory.Dispose();
}
