using System.Runtime.InteropServices;
using KvCluster.Inference.Backends.Cuda.Interop;

namespace KvCluster.Inference.Tests.Backends.Cuda;

/// <summary>Buffers of one test on the device, poisoned: 0xFF bytes are NaN.</summary>
internal sealed class DeviceRoom(CudaStream stream, DeviceArena arena) : IDisposable
{
    private readonly List<DeviceBuffer> _buffers = [];

    public DeviceBuffer Of(long sizeBytes)
    {
        DeviceBuffer buffer = arena.Allocate(Math.Max(sizeBytes, 16));
        _buffers.Add(buffer);
        stream.Fill(buffer.Address, 0xFF, buffer.SizeBytes);
        return buffer;
    }

    public ulong Upload<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        DeviceBuffer buffer = Of(bytes.Length);
        stream.CopyToDevice(buffer.Address, bytes);
        stream.Synchronize();
        return buffer.Address;
    }

    public unsafe T[] Download<T>(DeviceBuffer buffer, int count)
        where T : unmanaged
    {
        var values = new T[count];
        fixed (T* to = values)
        {
            stream.CopyToHost((byte*)to, buffer.Address, (long)count * sizeof(T));
            stream.Synchronize();
        }

        return values;
    }

    public void Dispose()
    {
        stream.Synchronize();
        _buffers.ForEach(buffer => buffer.Dispose());
    }
}
