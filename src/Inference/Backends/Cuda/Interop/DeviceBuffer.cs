namespace KvCluster.Inference.Backends.Cuda.Interop;

/// <summary>A range of a <see cref="DeviceArena"/>; given back by Dispose, once the device no longer uses it.</summary>
internal sealed class DeviceBuffer : IDisposable
{
    private readonly long _offset;
    private DeviceArena? _arena;

    public DeviceBuffer(DeviceArena arena, long offset, ulong address, long sizeBytes)
    {
        _arena = arena;
        _offset = offset;
        Address = address;
        SizeBytes = sizeBytes;
    }

    public ulong Address { get; }

    public long SizeBytes { get; }

    public void Dispose() => Interlocked.Exchange(ref _arena, null)?.Release(_offset);
}
