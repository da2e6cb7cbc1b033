using System.Buffers;

namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>
/// Host memory that the device copies from and to without a stop on the way. Not zeroed. Its owner disposes of it, once no span of it and no copy is in
/// use: nothing else gives it back.
/// </summary>
internal sealed unsafe class PinnedMemory : MemoryManager<byte>
{
    /// <summary>Usable from every context.</summary>
    private const uint Portable = 1;

    private readonly int _length;
    private nint _address;

    public PinnedMemory(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        CudaException.ThrowOn(CudaDriver.HostAllocate(out _address, (nuint)length, Portable), "cuMemHostAlloc", $"{length} bytes");
        _length = length;
    }

    public byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, this);
            return (byte*)_address;
        }
    }

    public override Span<byte> GetSpan() => new(Pointer, _length);

    public override MemoryHandle Pin(int elementIndex = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
        return new MemoryHandle(Pointer + elementIndex);
    }

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            _ = CudaDriver.HostFree(address);
        }
    }
}
